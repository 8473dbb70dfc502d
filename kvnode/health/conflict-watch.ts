// Replicas that do not fit what ZooKeeper says, and replicas whose logs contradict each other (replica/impossible-claims.ts): told to
// people, once each, in the log and in the timeline.
//
// What does not fit a descriptor is looked for on a slow timer, and told of when it is seen twice in a row: a ZooKeeper
// server that lags shows an older descriptor for a moment.

import { type Env, every, type Timer } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { Conflict } from '../replica/replica-messages.ts';
import type { EventWriter } from '../zk/event-writer.ts';

/** Longer than a ZooKeeper server serves reads without its leader. */
const LOOK_MS = 10_000;

interface Watched {
  readonly range: RangeId;
  /** Null: it fits. */
  readonly misfit: string | null;
}

export interface ConflictWatchOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly events: Pick<EventWriter, 'report'>;
  readonly self: NodeId;
  /** What people call a node. */
  readonly nameOf: (node: NodeId) => string;
  readonly replicas: () => Iterable<Watched>;
}

export class ConflictWatch {
  readonly #options: ConflictWatchOptions;
  readonly #timer: Timer;
  /** Replicas that a descriptor names and that are not made here, with the reason. */
  readonly #notMade = new Map<RangeId, string>();
  readonly #told = new Map<RangeId, string>();
  #seen = new Map<RangeId, string>();

  constructor(options: ConflictWatchOptions) {
    this.#options = options;
    this.#timer = every(options.env, LOOK_MS, () => this.#look());
  }

  close(): void {
    this.#timer.cancel();
  }

  /** `text` null: nothing stands in its way any more. */
  notMade(range: RangeId, text: string | null): void {
    if (text === null) this.#notMade.delete(range);
    else this.#notMade.set(range, text);
  }

  /** Of a replica here: it refused `node`, or was refused by it. */
  report(range: RangeId, { node, epoch, seq, text }: Conflict): void {
    const { logger, events, nameOf } = this.#options;
    const story = `range ${range}: ${nameOf(node)} contradicts what is committed: ${text}`;
    logger.error({ range, epoch, seq, node }, story);
    events.report({ kind: 'conflict', text: story, range, node, epoch });
  }

  #look(): void {
    const seen = new Map<RangeId, string>(this.#notMade);
    for (const { range, misfit } of this.#options.replicas()) if (misfit !== null) seen.set(range, misfit);
    for (const range of this.#told.keys()) if (!seen.has(range)) this.#told.delete(range);
    for (const [range, text] of seen) {
      if (this.#seen.get(range) === text && this.#told.get(range) !== text) this.#tell(range, text);
    }
    this.#seen = seen;
  }

  #tell(range: RangeId, text: string): void {
    const { logger, events, nameOf, self } = this.#options;
    this.#told.set(range, text);
    const story = `range ${range} on ${nameOf(self)}: ${text}`;
    logger.error({ range }, story);
    events.report({ kind: 'conflict', text: story, range, node: self });
  }
}
