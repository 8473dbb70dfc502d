// Reports conflicts to people, in the log and in the timeline, each once: replicas that do not match their descriptor in ZooKeeper,
// and replicas whose logs contradict each other (replica/impossible-claims.ts).
//
// Mismatches with descriptors are checked on a slow timer. A mismatch is reported when two checks in a row find it, because a
// ZooKeeper server that lags shows an older descriptor for a moment.

import { type Env, every, type Timer } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { Conflict } from '../replica/replica-messages.ts';
import type { EventWriter } from '../zk/event-writer.ts';

/** Interval of checks, ms: longer than a ZooKeeper server serves reads without its leader. */
const CHECK_MS = 10_000;

interface WatchedReplica {
  readonly range: RangeId;
  /** Why the replica does not match its descriptor; null if it does. */
  readonly mismatch: string | null;
}

export interface ConflictWatchOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly events: Pick<EventWriter, 'report'>;
  readonly self: NodeId;
  /** The node's name, for texts. */
  readonly nameOf: (node: NodeId) => string;
  readonly replicas: () => Iterable<WatchedReplica>;
}

export class ConflictWatch {
  readonly #options: ConflictWatchOptions;
  readonly #timer: Timer;
  /** Replicas that a descriptor lists on this node and that cannot be made, with the reason. */
  readonly #notMade = new Map<RangeId, string>();
  readonly #reported = new Map<RangeId, string>();
  /** What the previous check found. */
  #found = new Map<RangeId, string>();

  constructor(options: ConflictWatchOptions) {
    this.#options = options;
    this.#timer = every(options.env, CHECK_MS, () => this.#check());
  }

  close(): void {
    this.#timer.cancel();
  }

  /** The replica of the range cannot be made, for the reason `text`; null: it can be made. */
  notMade(range: RangeId, text: string | null): void {
    if (text === null) this.#notMade.delete(range);
    else this.#notMade.set(range, text);
  }

  /** A replica here and the one on `node` contradict each other. */
  report(range: RangeId, { node, epoch, seq, text }: Conflict): void {
    const { logger, events, nameOf } = this.#options;
    const line = `range ${range}: ${nameOf(node)} contradicts what is committed: ${text}`;
    logger.error({ range, epoch, seq, node }, line);
    events.report({ kind: 'conflict', text: line, range, node, epoch });
  }

  #check(): void {
    const found = new Map<RangeId, string>(this.#notMade);
    for (const { range, mismatch } of this.#options.replicas())
      if (mismatch !== null) found.set(range, mismatch);
    for (const range of this.#reported.keys()) if (!found.has(range)) this.#reported.delete(range);
    for (const [range, text] of found) {
      if (this.#found.get(range) === text && this.#reported.get(range) !== text)
        this.#reportMismatch(range, text);
    }
    this.#found = found;
  }

  #reportMismatch(range: RangeId, text: string): void {
    const { logger, events, nameOf, self } = this.#options;
    this.#reported.set(range, text);
    const line = `range ${range} on ${nameOf(self)}: ${text}`;
    logger.error({ range }, line);
    events.report({ kind: 'conflict', text: line, range, node: self });
  }
}
