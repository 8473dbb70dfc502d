// The requests of replicas to ZooKeeper: compare-and-sets on descriptors (R10: the outcome is done, refused or unknown, and never
// guessed), and reads of a live session (R8). The compare-and-sets of one turn are sent together, because the loss of one
// machine shrinks the in-sync sets of all its ranges at once. Each replica has one compare-and-set in flight (R10) and gets
// one outcome for it.

import { never, present } from '../../common/base/assert.ts';
import type { Logger } from '../../common/base/log.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId, SessionId } from '../../common/model/ids.ts';
import { commitParts, gatheredCount, type Part, type PartOutcome } from '../../common/zk/gathered.ts';
import { type Zk, ZkError, type ZkSession } from '../../common/zk/store.ts';
import { decodeLive, descriptorCodec, paths } from '../../common/zk/znodes.ts';
import type { CasOutcome, Purpose } from '../replica/replica-messages.ts';

/** Limit of concurrent multis. Further compare-and-sets are gathered until one of these is answered. */
const MULTIS_MAX = 4;

interface PendingWrite {
  readonly range: RangeId;
  readonly expected: number;
  readonly part: Part;
  /** The session in which it was requested. It is never sent in another one. */
  readonly session: ZkSession;
  settle(outcome: CasOutcome): void;
}

export class DescriptorWriter {
  readonly #zk: Zk;
  readonly #logger: Logger;
  #pending: PendingWrite[] = [];
  #inFlight = 0;

  constructor(zk: Zk, logger: Logger) {
    this.#zk = zk;
    this.#logger = logger;
  }

  /** Is sent by the next flush(). */
  compareAndSet(next: Descriptor, expected: number): Promise<CasOutcome> {
    const { session } = this.#zk;
    if (session === null) return Promise.resolve('unknown');
    const { namespace, id: range } = next;
    const data = descriptorCodec.encode(next);
    const part: Part = [{ kind: 'set', path: paths.range(namespace, range), data, version: expected }];
    return new Promise((settle) => {
      this.#pending.push({ range, expected, part, session, settle });
    });
  }

  /** Sends what was requested in this turn. */
  flush(): void {
    while (this.#pending.length > 0 && this.#inFlight < MULTIS_MAX) void this.#sendNext();
  }

  async #sendNext(): Promise<void> {
    const { session } = present(this.#pending[0], 'a write is pending');
    const another = this.#pending.findIndex((write) => write.session !== session);
    const same = another < 0 ? this.#pending : this.#pending.slice(0, another);
    const batch = this.#pending.splice(0, gatheredCount(same.map(({ part }) => part)));
    this.#inFlight++;
    const outcomes = await commitParts(
      session,
      batch.map(({ part }) => part),
    );
    this.#inFlight--;
    for (const [index, write] of batch.entries()) {
      write.settle(this.#outcomeOf(write, present(outcomes[index], 'each part has an outcome')));
    }
    this.flush();
  }

  /** R10: `refused` only if ZooKeeper refused this very compare-and-set. After anything else only an image settles it. */
  #outcomeOf({ range, expected }: PendingWrite, outcome: PartOutcome): CasOutcome {
    if (outcome.kind === 'done') {
      const [result] = outcome.results;
      return result?.kind === 'set' && result.version === expected + 1 ? 'done' : 'unknown';
    }
    const { kind, error } = outcome;
    this.#logger.debug({ range, failure: error.failure }, 'descriptor not written');
    const isFinal = error.failure === 'bad-version' || error.failure === 'no-node';
    return kind === 'refused' && isFinal ? 'refused' : 'unknown';
  }

  /**
   * R8: the live session of a node that may take over; null if it has none, if it cannot be read, or if the node is about to stop. A
   * stopping node writes that into its live znode before it hands over. So if two stop at once, at least one sees it here.
   */
  async liveSession(node: NodeId): Promise<SessionId | null> {
    try {
      const found = await this.#zk.session?.get(paths.live(node));
      const live = found === null || found === undefined ? null : decodeLive(node, found);
      return live === null || live.standing === 'stopping' ? null : live.session;
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      return null;
    }
  }
}

/** What the owner's change does, for events. `name` is the member's name. */
export function describePurpose({ kind }: Purpose, name: string): string {
  switch (kind) {
    case 'shrink':
      return `${name} leaves the in-sync set`;
    case 'expand':
      return `${name} joins the in-sync set`;
    case 'hand-over':
      return `its owner hands over to ${name}`;
    default:
      return never(kind);
  }
}
