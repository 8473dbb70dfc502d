// What replicas ask of ZooKeeper: compare-and-sets on descriptors (R10: the outcome is done, refused, or unknown, never
// guessed), and reads of a live session (R8). The compare-and-sets of one turn leave together: a machine that is lost shrinks
// the in-sync sets of all its ranges at once. R10 stays each replica's own business: it asks for one at a time, and gets
// one outcome for each that it asked for.

import { never, present } from '../../common/base/assert.ts';
import type { Logger } from '../../common/base/log.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId, SessionId } from '../../common/model/ids.ts';
import { commitParts, gatheredCount, type Part, type PartOutcome } from '../../common/zk/gathered.ts';
import { type Zk, ZkError, type ZkSession } from '../../common/zk/store.ts';
import { decodeLive, descriptorCodec, paths } from '../../common/zk/znodes.ts';
import type { CasOutcome } from '../replica/descriptor-change.ts';
import type { Purpose } from '../replica/replica-messages.ts';

/** Multis under way at once. Beyond it what comes is gathered until one of them is answered. */
const MULTIS_MAX = 4;

interface Asked {
  readonly range: RangeId;
  readonly expected: number;
  readonly part: Part;
  /** The one in which it was asked for: what outlives it is not sent in the next. */
  readonly session: ZkSession;
  settle(outcome: CasOutcome): void;
}

export class DescriptorWriter {
  readonly #zk: Zk;
  readonly #logger: Logger;
  #asked: Asked[] = [];
  #underWay = 0;

  constructor(zk: Zk, logger: Logger) {
    this.#zk = zk;
    this.#logger = logger;
  }

  /** Leaves with the next flush(). */
  compareAndSet(next: Descriptor, expected: number): Promise<CasOutcome> {
    const { session } = this.#zk;
    if (session === null) return Promise.resolve('unknown');
    const { namespace, id: range } = next;
    const data = descriptorCodec.encode(next);
    const part: Part = [{ kind: 'set', path: paths.range(namespace, range), data, version: expected }];
    return new Promise((settle) => {
      this.#asked.push({ range, expected, part, session, settle });
    });
  }

  /** Sends what was asked for in this turn. */
  flush(): void {
    while (this.#asked.length > 0 && this.#underWay < MULTIS_MAX) void this.#sendNext();
  }

  async #sendNext(): Promise<void> {
    const { session } = present(this.#asked[0], 'something was asked for');
    const another = this.#asked.findIndex((asked) => asked.session !== session);
    const same = another < 0 ? this.#asked : this.#asked.slice(0, another);
    const batch = this.#asked.splice(0, gatheredCount(same.map(({ part }) => part)));
    this.#underWay++;
    const outcomes = await commitParts(
      session,
      batch.map(({ part }) => part),
    );
    this.#underWay--;
    for (const [index, asked] of batch.entries()) {
      asked.settle(this.#outcomeOf(asked, present(outcomes[index], 'each part has an outcome')));
    }
    this.flush();
  }

  /** R10: `refused` is what ZooKeeper said of this very compare-and-set; whatever else happened, an image has to tell. */
  #outcomeOf({ range, expected }: Asked, outcome: PartOutcome): CasOutcome {
    if (outcome.kind === 'done') {
      const [result] = outcome.results;
      return result !== undefined && 'version' in result && result.version === expected + 1
        ? 'done'
        : 'unknown';
    }
    const { kind, error } = outcome;
    this.#logger.debug({ range, failure: error.failure }, 'descriptor not written');
    const saidNo = error.failure === 'bad-version' || error.failure === 'no-node';
    return kind === 'refused' && saidNo ? 'refused' : 'unknown';
  }

  /**
   * R8: the session of a live node that may take over, now; null where it has none, none that could be read, or is about to
   * stop. A node says so before it hands over: of two that stop at once, one at least learns of the other here.
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

/** What a change by its owner does to a range, in words; `name`: the member's. */
export function storyOf({ kind }: Purpose, name: string): string {
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
