// The shared log of a node (docs/storage.md#the-log): group commit. Records of all ranges are collected in a group
// (group-builder.ts). A group is written at once and synced. Only then the next group is written, which collects
// records meanwhile. So one sync makes the writes of all ranges durable.

import { assert, present } from '../../../common/base/assert.ts';
import type { Bytes } from '../../../common/base/bytes.ts';
import type { Env } from '../../../common/base/env.ts';
import type { NodeId, Position, RangeId, Seq } from '../../../common/model/ids.ts';
import { CorruptDataError } from '../data-errors.ts';
import type { LogEntry, SyncTimes } from '../storage.ts';
import { type CarriedEntries, GroupBuilder, type LogGroup, type LogStart } from './group-builder.ts';
import type { IndexRow, RangeLogIndex } from './range-log-index.ts';
import { RecentTimes } from './recent-times.ts';
import { RecordCursor, type RecordType, readEntries } from './record.ts';
import type { Segments } from './segments.ts';
import { LogTail } from './tail.ts';

export interface LogOptions {
  readonly env: Env;
  readonly nodeId: NodeId;
  readonly segments: Segments;
  readonly segmentBytes: number;
  readonly tailBytesMax: number;
  readonly start: LogStart;
  /** Logs a checkpoint of every replica as it is now. */
  readonly checkpoint: (into: GroupBuilder) => void;
  /** The number of the newest batch that the state store has on the disk. */
  readonly stateBatch: () => number;
  /** Called when the log on the disk is not what was written. It may throw. */
  readonly onDamage: (error: CorruptDataError) => void;
}

interface Waiter {
  readonly group: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class SharedLog {
  readonly #env: Env;
  readonly #segments: Segments;
  readonly #tail: LogTail;
  readonly #builder: GroupBuilder;
  readonly #onDamage: (error: CorruptDataError) => void;
  /** Groups that are complete and not yet written. */
  readonly #sealed: LogGroup[] = [];
  readonly #syncedListeners: ((group: number) => void)[] = [];
  readonly #failureListeners: ((error: Error) => void)[] = [];
  #waiters: Waiter[] = [];
  #synced: number;
  #notified: number;
  /** The segment of the newest synced group. */
  #syncedSegment = 0;
  #writing = false;
  #waitingSince: number | null = null;
  #scheduled = false;
  #failure: Error | null = null;
  #running: Promise<void> = Promise.resolve();
  readonly #times: RecentTimes;
  #groups = 0;
  #entries = 0;

  constructor(options: LogOptions) {
    this.#env = options.env;
    this.#times = new RecentTimes(options.env);
    this.#segments = options.segments;
    this.#onDamage = options.onDamage;
    this.#tail = new LogTail(options.tailBytesMax);
    this.#builder = new GroupBuilder({
      ...options,
      tail: this.#tail,
      onBegun: () => this.#schedule(),
      onFull: (group) => this.#sealed.push(group),
    });
    this.#synced = options.start.group - 1;
    this.#notified = this.#synced;
  }

  /** The number of the group that the next record belongs to. */
  get gathering(): number {
    return this.#builder.gathering;
  }

  /** The number of the newest synced group. */
  get synced(): number {
    return this.#synced;
  }

  get syncedSegment(): number {
    return this.#syncedSegment;
  }

  /** The time (Env.now(), ms) since which the disk has been writing a group. Null if it writes none. */
  get waitingSince(): number | null {
    return this.#waitingSince;
  }

  /** How long groups took to be written and synced lately. Null: none was. */
  get syncTimes(): SyncTimes | null {
    return this.#times.summary;
  }

  /** Number of groups that were synced. */
  get groups(): number {
    return this.#groups;
  }

  /** Number of entries that were appended. */
  get entries(): number {
    return this.#entries;
  }

  onSynced(listener: (group: number) => void): void {
    this.#syncedListeners.push(listener);
  }

  onFailure(listener: (error: Error) => void): void {
    this.#failureListeners.push(listener);
    if (this.#failure !== null) listener(this.#failure);
  }

  // ---- logging -----------------------------------------------------------------------------------------------

  /** Begins a group even if nothing is logged. The first group begins a segment with a checkpoint. */
  begin(): void {
    this.#usableBuilder.begin();
  }

  put(type: RecordType, range: RangeId, at: Position, body: Bytes): void {
    this.#usableBuilder.put(type, range, at, body);
  }

  /**
   * Appends entries after the last one of `log`.
   * @param committed the replica knows that entries through this seq are committed
   */
  append(range: RangeId, log: RangeLogIndex, entries: readonly LogEntry[], committed: Seq): void {
    this.#usableBuilder.append(range, log, entries, committed);
    this.#entries += entries.length;
  }

  /** Writes entries of `log` again. A carry consists of one or more calls, up to the last entry of `log`. */
  carry(range: RangeId, log: RangeLogIndex, carried: CarriedEntries): void {
    this.#usableBuilder.carry(range, log, carried);
  }

  get #usableBuilder(): GroupBuilder {
    assert(this.#failure === null, 'nothing is logged after a failure');
    return this.#builder;
  }

  // ---- writing -----------------------------------------------------------------------------------------------

  #schedule(): void {
    if (this.#writing || this.#scheduled) return;
    this.#scheduled = true;
    this.#env.soon(() => {
      this.#scheduled = false;
      if (!this.#writing && this.#failure === null) this.#running = this.#write();
    });
  }

  /** Writes and syncs one group after the other until none is left. */
  async #write(): Promise<void> {
    this.#writing = true;
    try {
      for (let group = this.#next(); group !== undefined; group = this.#next()) {
        await this.#writeGroup(group);
      }
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
    this.#writing = false;
  }

  async #writeGroup(group: LogGroup): Promise<void> {
    this.#waitingSince = this.#env.now();
    const parts = group.parts.map(({ chunk, from, to }) => chunk.bytes.subarray(from, to));
    const file = await this.#segments.write(group.segment, parts, group.groupStart);
    const synced = file.sync();
    // Listeners run for the group before this one while the disk works.
    this.#notifySynced();
    await synced;
    this.#times.add(this.#env.now() - this.#waitingSince);
    this.#waitingSince = null;
    this.#setSynced(group);
  }

  #next(): LogGroup | undefined {
    if (this.#failure !== null) return undefined;
    if (this.#sealed.length === 0 && this.#builder.isEmpty) this.#notifySynced();
    if (this.#sealed.length > 0) return this.#sealed.shift();
    return this.#builder.isEmpty ? undefined : this.#builder.seal();
  }

  #setSynced(group: LogGroup): void {
    this.#synced = group.group;
    this.#groups++;
    if (group.segment !== this.#syncedSegment) {
      this.#syncedSegment = group.segment;
      this.#segments.shrinkBefore(group.segment);
    }
    this.#tail.trim(present(group.parts[0], 'a part').chunk.number);
  }

  #notifySynced(): void {
    const group = this.#synced;
    if (group === this.#notified) return;
    this.#notified = group;
    const due = this.#waiters.filter((waiter) => waiter.group <= group);
    if (due.length > 0) this.#waiters = this.#waiters.filter((waiter) => waiter.group > group);
    for (const listener of this.#syncedListeners) listener(group);
    for (const waiter of due) waiter.resolve();
  }

  /**
   * Ends the log: nothing is logged or acknowledged any more. A failed sync is never retried, since what the disk holds
   * is then unknown (R12).
   */
  fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters = [];
    for (const listener of this.#failureListeners) listener(error);
  }

  /** Resolves when all that is logged now is synced. Rejects if the log fails. */
  flushed(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const group = this.#builder.isEmpty ? this.gathering - 1 : this.gathering;
    if (group <= this.#notified) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ group, resolve, reject });
    });
  }

  /** Resolves when no write is in progress. */
  stopped(): Promise<void> {
    return this.#running;
  }

  // ---- reading -----------------------------------------------------------------------------------------------

  /**
   * Entries of `log` from `from` on. Null if the log no longer reaches back to `from`. Throws CorruptDataError, which
   * has been reported.
   */
  read(log: RangeLogIndex, from: Seq, bytesMax: number): readonly LogEntry[] | null {
    if (from <= log.base.seq) return null;
    const entries: LogEntry[] = [];
    let bytes = 0;
    let at = log.rowOf(from);
    for (let row = log.row(at); row !== undefined; row = log.row(++at)) {
      const cursor = this.#recordOf(row);
      const start = Math.max(from, row.firstSeq);
      const before = entries.length;
      const bounds = { from: start, last: row.lastSeq, bytesMax: bytesMax - bytes };
      bytes += readEntries(cursor, bounds, entries);
      if (entries.length - before < row.lastSeq - start + 1) break;
    }
    return entries;
  }

  #recordOf(row: IndexRow): RecordCursor {
    const chunk = this.#tail.get(row.chunk);
    if (chunk !== undefined) {
      const cursor = new RecordCursor(chunk.bytes, chunk.view);
      cursor.at = row.chunkAt;
      return cursor;
    }
    const cursor = new RecordCursor(this.#segments.read(row.segment, row.offset, row.length));
    if (!cursor.isValid(row.segment, row.offset)) {
      const error = new CorruptDataError(`the log is damaged in segment ${row.segment} at ${row.offset}`);
      this.#onDamage(error);
      throw error;
    }
    return cursor;
  }
}
