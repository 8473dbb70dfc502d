// Carries out what replicas ask of ZooKeeper: compare-and-sets on descriptors (R10: the outcome is done, refused, or
// unknown, never guessed), reads of a live session (R8), and the events that tell people of it.

import { never } from '../common/base/assert.ts';
import type { Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { Descriptor } from '../common/model/descriptor.ts';
import type { Epoch, NodeId, RangeId, SessionId } from '../common/model/ids.ts';
import type { EventRecord } from '../common/model/records.ts';
import { type Zk, ZkError } from '../common/zk/store.ts';
import { decodeLive, descriptorCodec, eventCodec, paths } from '../common/zk/znodes.ts';
import type { CasOutcome } from './replica/descriptor-change.ts';
import type { Intent, Purpose } from './replica/messages.ts';

export class DescriptorWriter {
  readonly #self: NodeId;
  readonly #zk: Zk;
  readonly #env: Env;
  readonly #logger: Logger;

  constructor(self: NodeId, zk: Zk, env: Env, logger: Logger) {
    this.#self = self;
    this.#zk = zk;
    this.#env = env;
    this.#logger = logger;
  }

  async compareAndSet(next: Descriptor, expected: number): Promise<CasOutcome> {
    const { session } = this.#zk;
    if (session === null) return 'unknown';
    try {
      const version = await session.set(
        paths.range(next.namespace, next.id),
        descriptorCodec.encode(next),
        expected,
      );
      return version === expected + 1 ? 'done' : 'unknown';
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      this.#logger.debug({ range: next.id, failure: error.failure }, 'descriptor not written');
      return error.failure === 'bad-version' || error.failure === 'no-node' ? 'refused' : 'unknown';
    }
  }

  /** R8: the node's live session now; null where it has none, or none that could be read. */
  async liveSession(node: NodeId): Promise<SessionId | null> {
    try {
      const found = await this.#zk.session?.get(paths.live(node));
      return found === null || found === undefined ? null : decodeLive(node, found).session;
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      return null;
    }
  }

  /** An owner that commits nothing keeps the range, as handing it over has not helped: a line in the log, and an event. */
  tellStuck(
    range: RangeId,
    epoch: Epoch,
    { silent, inVain, waitMs }: Intent & { kind: 'report-stuck' },
    nameOf: (node: NodeId) => string,
  ): void {
    const names = silent.map(nameOf);
    const who = names.length === 0 ? 'its own disk is behind' : `${names.join(', ')} acknowledge nothing`;
    const times = inVain === 1 ? 'once' : `${inVain} times`;
    const text =
      `range ${range}: nothing commits, as ${who}; its owner here has handed over ${times} in vain, ` +
      `and keeps it for up to ${waitMs / 1_000} s`;
    this.#logger.warn({ range, epoch, silent: names }, text);
    this.tell({ kind: 'stuck', text, range, node: this.#self, epoch });
  }

  /** For people: lost without harm. */
  tell(event: Omit<EventRecord, 'at' | 'by'>): void {
    const record: EventRecord = { at: this.#env.wallNow(), by: this.#self, ...event };
    this.#zk.session
      ?.create(paths.eventPrefix, eventCodec.encode(record), 'persistent-sequential')
      .catch((error: unknown) => this.#logger.debug({ error: String(error) }, 'event not written'));
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
