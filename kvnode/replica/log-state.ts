// A replica's log as the protocol sees it: what is in it, what of it is durable, what of it is verified under the
// current epoch (R3), what is committed. Every change goes through here to the shared log, in call order, and counts as
// synced only when its group is.

import { assert } from '../../common/base/assert.ts';
import { type Epoch, origin, type Position, type Seq } from '../../common/model/ids.ts';
import type { LogEntry, LogIndex, RecoveredReplica, ReplicaLog } from '../storage/storage.ts';

/** What will be durable once `group` is synced. */
interface PendingSync {
  readonly group: number;
  lastSeq: Seq;
  epochSeen: Epoch;
}

/** Nothing of a void replica's log counts. */
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
    // What was known to be committed still is; the state may be behind it.
    const { committed, applied } = recovered;
    this.#commitSeq = recovered.void ? 0 : Math.max(committed, applied.seq, log.base.seq);
    assert(this.#commitSeq <= this.index.lastSeq, 'what is committed is in the log');
  }

  /** What is in the log: nothing while it is void. */
  get index(): LogIndex {
    return this.#void ? EMPTY : this.#log;
  }

  get epochSeen(): Epoch {
    return this.#epochSeen;
  }

  /** Whether epochSeen is on disk: no acknowledgement under it leaves before (R3). */
  get epochSeenDurable(): boolean {
    return this.#epochSeenSynced === this.#epochSeen;
  }

  get syncedSeq(): Seq {
    return this.#syncedSeq;
  }

  /** R3: the highest prev + entries matched under the current epochSeen; 0 after it rose and after a restart. */
  get verifiedSeq(): Seq {
    return this.#verifiedSeq;
  }

  get commitSeq(): Seq {
    return this.#commitSeq;
  }

  /** R3: what this replica acknowledges. */
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

  /** R3: drops the entries after `lastKept`; the next append overwrites them, in the same group or a later one. */
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

  /** Groups through `group` are on disk. False: nothing of this range was in them. */
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

  /** The log was replaced by a snapshot at `base`, which is durable and committed, so it needs no verifying. */
  reset(base: Position): void {
    assert(base.seq >= this.#commitSeq, 'R3: a snapshot never shortens a log');
    this.#void = false;
    this.#startOver(base);
    this.#verifiedSeq = base.seq;
  }

  /** The log is void: a snapshot, at whatever position, is to take its place. */
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
