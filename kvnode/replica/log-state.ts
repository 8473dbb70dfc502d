// A replica's log as the protocol sees it: which entries it holds, and through which seq they are durable, verified under the
// current epoch (R3), and committed. Every change is passed to the node's shared log in call order. It counts as synced
// only when the group that it belongs to is on disk.

import { assert } from '../../common/base/assert.ts';
import { type Epoch, origin, type Position, type Seq } from '../../common/model/ids.ts';
import type { LogEntry, LogIndex, RecoveredReplica, ReplicaLog } from '../storage/storage.ts';

/** What will be durable once `group` is synced. */
interface PendingSync {
  readonly group: number;
  lastSeq: Seq;
  epochSeen: Epoch;
}

/** The log of a void replica. */
const EMPTY: LogIndex = {
  base: origin,
  last: origin,
  lastSeq: 0,
  epochAt: (seq) => (seq === 0 ? origin.epoch : undefined),
  has: ({ seq }) => seq === 0,
  newestAtOrBefore: () => origin,
};

export class LogState {
  readonly #log: ReplicaLog;
  #void: boolean;
  readonly #pending: PendingSync[] = [];
  #epochSeen: Epoch;
  #epochSeenSynced: Epoch;
  #syncedSeq: Seq;
  #verifiedSeq: Seq = 0;
  #commitSeq: Seq;

  constructor(recovered: RecoveredReplica, log: ReplicaLog) {
    this.#log = log;
    this.#void = recovered.void;
    this.#epochSeen = recovered.epochSeen;
    this.#epochSeenSynced = recovered.epochSeen;
    this.#syncedSeq = this.index.lastSeq;
    // R3: what was known to be committed before a restart still is. The applied state may be behind it.
    const { committed, applied } = recovered;
    this.#commitSeq = recovered.void ? 0 : Math.max(committed, applied.seq, log.base.seq);
    assert(this.#commitSeq <= this.index.lastSeq, 'what is committed is in the log');
  }

  /** The entries of the log; empty while the replica is void. */
  get index(): LogIndex {
    return this.#void ? EMPTY : this.#log;
  }

  get epochSeen(): Epoch {
    return this.#epochSeen;
  }

  /** Whether epochSeen is on disk. Before that nothing is acknowledged under it (R3). */
  get epochSeenDurable(): boolean {
    return this.#epochSeenSynced === this.#epochSeen;
  }

  get syncedSeq(): Seq {
    return this.#syncedSeq;
  }

  /** R3: the highest seq that was matched with the owner's log under the current epochSeen; 0 after it rises and after a restart. */
  get verifiedSeq(): Seq {
    return this.#verifiedSeq;
  }

  get commitSeq(): Seq {
    return this.#commitSeq;
  }

  /** R3: the seq that this replica acknowledges. */
  get ackedSeq(): Seq {
    return Math.min(this.#verifiedSeq, this.#syncedSeq);
  }

  raiseEpochSeen(epoch: Epoch): void {
    assert(epoch > this.#epochSeen, 'epochSeen only rises');
    this.#epochSeen = epoch;
    this.#verifiedSeq = 0;
    this.#log.setEpochSeen(epoch);
    this.#logged();
  }

  append(entries: readonly LogEntry[]): void {
    for (const entry of entries) assert(entry.epoch <= this.#epochSeen, 'no entry is newer than epochSeen');
    this.#log.append(entries);
    this.#logged();
  }

  /** R3: drops the entries after `lastKept`. The next append overwrites them, in the same group or a later one. */
  truncate(lastKept: Seq): void {
    assert(lastKept >= this.#commitSeq, 'R3: a committed entry is never truncated');
    this.#log.truncate(lastKept);
    this.#syncedSeq = Math.min(this.#syncedSeq, lastKept);
    this.#verifiedSeq = Math.min(this.#verifiedSeq, lastKept);
    for (const pending of this.#pending) pending.lastSeq = Math.min(pending.lastSeq, lastKept);
    this.#logged();
  }

  verify(seq: Seq): void {
    assert(seq <= this.index.lastSeq, 'only what is in the log is verified');
    this.#verifiedSeq = Math.max(this.#verifiedSeq, seq);
  }

  commit(seq: Seq): void {
    assert(seq <= this.index.lastSeq, 'only what is in the log is committed');
    this.#commitSeq = Math.max(this.#commitSeq, seq);
  }

  read(from: Seq, bytesMax: number): readonly LogEntry[] | null {
    return this.#log.read(from, bytesMax);
  }

  retainAfter(seq: Seq): void {
    this.#log.retainAfter(seq);
  }

  /** All groups through `group` are on disk. Returns whether any of them held something of this range. */
  synced(group: number): boolean {
    const before = this.#pending.length;
    while (this.#pending[0] !== undefined && this.#pending[0].group <= group) {
      const done = this.#pending.shift();
      this.#syncedSeq = Math.max(this.#syncedSeq, done?.lastSeq ?? 0);
      this.#epochSeenSynced = Math.max(this.#epochSeenSynced, done?.epochSeen ?? 0);
    }
    assert(this.#syncedSeq <= this.index.lastSeq, 'nothing is synced beyond the log');
    return this.#pending.length < before;
  }

  get hasUnsynced(): boolean {
    return this.#pending.length > 0;
  }

  /** The log was replaced by a snapshot at `base`. A snapshot is durable and committed, so it counts as verified. */
  reset(base: Position): void {
    assert(base.seq >= this.#commitSeq, 'R3: a snapshot never shortens a log');
    this.#void = false;
    this.#startOver(base);
    this.#verifiedSeq = base.seq;
  }

  /** The replica becomes void: a snapshot, at any position, will replace its log. */
  empty(): void {
    this.#void = true;
    this.#startOver(origin);
    this.#verifiedSeq = 0;
  }

  #startOver(base: Position): void {
    for (const pending of this.#pending) pending.lastSeq = base.seq;
    this.#syncedSeq = base.seq;
    this.#commitSeq = base.seq;
  }

  #logged(): void {
    const group = this.#log.gathering;
    const newest = this.#pending.at(-1);
    if (newest === undefined || newest.group !== group) {
      this.#pending.push({ group, lastSeq: this.index.lastSeq, epochSeen: this.#epochSeen });
      return;
    }
    newest.lastSeq = this.index.lastSeq;
    newest.epochSeen = this.#epochSeen;
  }
}
