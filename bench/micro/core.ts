// The core of replication without any I/O: an owner and two followers pass their messages to each other, and their logs are synced at
// once.

import { assert, present } from '../../common/base/assert.ts';
import { DEFAULT_REPLICATION } from '../../common/model/config.ts';
import { type Descriptor, FRESH_RANGE } from '../../common/model/descriptor.ts';
import { type Epoch, origin, type Position, type Seq } from '../../common/model/ids.ts';
import { Replica } from '../../kvnode/replica/replica.ts';
import type { Outgoing } from '../../kvnode/replica/replica-messages.ts';
import { ENTRY_KINDS, type LogEntry, type ReplicaLog } from '../../kvnode/storage/storage.ts';
import type { OpenParts, Part } from './part.ts';

const NAME = 'replica core';
const NODES = ['a', 'b', 'c'] as const;
const OWNER = 'a';
const SESSION = '1';
const ENTRIES = 64;
const PAYLOAD = new Uint8Array(160);
const KEPT = 1_024;
const EMPTY = new Uint8Array(0);
/** Time on the clock from one turn of all three to the next, ms. */
const ROUND_MS = 1;
/** Maximum number of rounds until the first entry is committed. */
const START_ROUNDS = 1_000;

const DESCRIPTOR: Descriptor = {
  ...{ namespace: 'default', namespaceId: 1, id: 1, start: EMPTY, end: null, epoch: 1 },
  owner: { node: OWNER, inc: 1, session: SESSION },
  replicas: NODES.map((node, i) => ({ node, inc: i + 1 })),
  inSync: NODES,
  ...{ minInSync: 2, state: 'serving', nextInc: 4, ...FRESH_RANGE, base: origin },
  ...{ transferTo: null, retire: null },
};

/** The newest entries of one replica. They count as synced with the next event `synced`. */
class ShortLog implements ReplicaLog {
  gathering = 1;
  readonly base = origin;
  #entries: LogEntry[] = [];

  get last(): Position {
    return { epoch: this.epochAt(this.lastSeq), seq: this.lastSeq };
  }

  get lastSeq(): Seq {
    return this.#entries.at(-1)?.seq ?? 0;
  }

  /** All entries are of one epoch. */
  epochAt(seq: Seq): Epoch {
    return seq === 0 ? 0 : 1;
  }

  has({ epoch, seq }: Position): boolean {
    return seq <= this.lastSeq && epoch === this.epochAt(seq);
  }

  newestAtOrBefore(limit: Position): Position {
    const seq = limit.epoch === 0 ? 0 : Math.min(limit.seq, this.lastSeq);
    return { epoch: this.epochAt(seq), seq };
  }

  setEpochSeen(): void {}

  append(entries: readonly LogEntry[]): void {
    for (const entry of entries) this.#entries.push(entry);
    if (this.#entries.length > 2 * KEPT) this.#entries = this.#entries.slice(-KEPT);
  }

  truncate(): void {
    throw new Error('nothing is ever truncated here');
  }

  read(from: Seq): readonly LogEntry[] | null {
    const [first] = this.#entries;
    return first === undefined || from < first.seq ? null : this.#entries.slice(from - first.seq);
  }

  retainAfter(): void {}
}

class Trio {
  readonly #replicas = new Map<string, { readonly replica: Replica; readonly log: ShortLog }>();
  #committed: Seq = 0;
  #now = 0;

  constructor() {
    const always = (): boolean => true;
    const nodes = new Map(NODES.map((id) => [id, 'staying' as const]));
    const image = { descriptor: DESCRIPTOR, version: 1 };
    for (const [i, node] of NODES.entries()) {
      const log = new ShortLog();
      const recovered = {
        ...{ range: 1, inc: i + 1, namespace: 'default', namespaceId: 1, start: EMPTY, end: null },
        ...{ epochSeen: 0, base: origin, lastSeq: 0, applied: origin, committed: 0, void: false },
      };
      const replica = new Replica({
        ...{ self: node, recovered, log, config: DEFAULT_REPLICATION },
        ...{ leaseValid: always, isHealthy: always, stampBase: 0 },
      });
      this.#replicas.set(node, { replica, log });
      replica.step({ kind: 'live', nodes }, this.#now);
      replica.step({ kind: 'image', image, session: SESSION }, this.#now);
    }
    for (let round = 0; round < START_ROUNDS && this.#committed === 0; round++) this.#settle();
  }

  /** Replicates and commits entries on all three replicas. Returns their number. */
  replicate(): number {
    const { replica } = this.#of(OWNER);
    const before = this.#committed;
    for (let i = 0; i < ENTRIES; i++) {
      const seq = replica.propose(1, ENTRY_KINDS.operation, PAYLOAD, this.#now);
      assert(typeof seq === 'number', `the owner takes writes: ${seq}`);
    }
    this.#settle();
    assert(this.#committed - before === ENTRIES, 'all proposed entries are committed');
    return ENTRIES;
  }

  /** Runs until no replica sends or syncs anything. */
  #settle(): void {
    for (let idle = false; !idle; this.#now += ROUND_MS) {
      idle = true;
      for (const node of NODES) if (this.#turn(node)) idle = false;
    }
  }

  #turn(node: string): boolean {
    const { replica, log } = this.#of(node);
    const { messages, commitSeq } = replica.take(this.#now);
    for (const { to, message } of messages) this.#deliver(node, to, message);
    const synced = replica.hasUnsynced;
    if (synced) replica.step({ kind: 'synced', group: log.gathering++ }, this.#now);
    replica.step({ kind: 'applied', seq: commitSeq }, this.#now);
    if (node === OWNER) this.#committed = commitSeq;
    return synced || messages.length > 0;
  }

  #deliver(from: string, to: string, message: Outgoing['message']): void {
    const { replica } = this.#of(to);
    if (message.kind === 'append') replica.step({ kind: 'append', from, message }, this.#now);
    else replica.step({ kind: 'append-ack', from, message }, this.#now);
  }

  #of(node: string): { readonly replica: Replica; readonly log: ShortLog } {
    return present(this.#replicas.get(node), `the replica on ${node}`);
  }
}

export const corePart: OpenParts = async () => {
  const trio = new Trio();
  const logs: LogEntry[][] = NODES.map(() => []);
  const pushRaw = (): number => {
    for (const log of logs) {
      if (log.length > KEPT) log.length = 0;
      for (let seq = 0; seq < ENTRIES; seq++) log.push({ epoch: 1, seq, kind: 2, payload: PAYLOAD });
    }
    return ENTRIES;
  };
  const part: Part = {
    ...{ name: NAME, subject: NAME, variant: `${ENTRIES} entries a turn`, unit: 'entries/s' },
    own: { how: 'an owner, two followers, no I/O', run: () => trio.replicate() },
    raw: { how: 'an object for each entry in three arrays', run: pushRaw },
  };
  return { parts: [part], close: async () => {} };
};
