// The shared log of a node (DESIGN.md section 5): records of all ranges gather into a group; a group is written at once and
// synced, and only then is the next one written, so that one sync covers every range's writes of that moment while
// the next group gathers. Records are laid down in memory (tail.ts) as they will be on disk, the place of each is
// known from the start; only the checksums are added when the group is sealed.
//
// A segment begins with a checkpoint of all replicas. It is taken when the first record of a group starts a segment,
// before that record has any effect: whoever changes a replica logs first and changes then.

import { assert, present } from '../../common/base/assert.ts';
import type { Bytes } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import type { NodeId, Position, RangeId, Seq } from '../../common/model/ids.ts';
import { encodeSegment, LOG_FORMAT } from './bodies.ts';
import { CorruptDataError } from './errors.ts';
import type { LogRow, RangeLog } from './range-log.ts';
import {
  closeRecord,
  ENTRIES_HEADER_BYTES,
  ENTRY_HEADER_BYTES,
  HEADER_BYTES,
  padded,
  putCount,
  putEntriesHeader,
  putEntry,
  putHeader,
  RECORD_TYPES,
  RecordCursor,
  type RecordPlace,
  type RecordType,
  readEntries,
  sealRecord,
} from './record.ts';
import type { Segments } from './segments.ts';
import type { EntryKind, LogEntry } from './storage.ts';
import { type Chunk, LogTail } from './tail.ts';

/** A group is sealed when it is as large. */
const GROUP_BYTES_MAX = 4 * 1024 * 1024;
/** A record of entries takes no more entries when it is as large, so that reading one entry never reads much more. */
const RECORD_BYTES_MAX = 128 * 1024;

/** Where a log goes on after what was found at start. */
export interface LogStart {
  readonly group: number;
  readonly segment: number;
  /** The segment before the first one to be written, 0 for none, and where in it the log ends. */
  readonly before: number;
  readonly beforeEnd: number;
}

export interface LogOptions {
  readonly env: Env;
  readonly nodeId: NodeId;
  readonly segments: Segments;
  readonly segmentBytes: number;
  readonly tailBytesMax: number;
  readonly start: LogStart;
  /** Logs the checkpoint of every replica as it stands. */
  readonly checkpoint: (log: SharedLog) => void;
}

/** Bytes of a group in one chunk. */
interface Part {
  readonly chunk: Chunk;
  readonly from: number;
  to: number;
}

interface Group extends RecordPlace {
  readonly segment: number;
  /** Whether it opens its segment. */
  readonly opening: boolean;
  readonly parts: Part[];
  /** Bytes of closed records. */
  bytes: number;
}

/** The record of entries that can still take more of them. */
interface OpenRecord {
  readonly log: RangeLog;
  readonly epoch: number;
  readonly chunk: Chunk;
  readonly at: number;
  end: number;
  count: number;
}

interface Waiter {
  readonly group: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class SharedLog {
  readonly #options: LogOptions;
  readonly #segments: Segments;
  readonly #tail: LogTail;
  readonly #sealed: Group[] = [];
  readonly #syncedListeners: ((group: number) => void)[] = [];
  readonly #failureListeners: ((error: Error) => void)[] = [];
  #waiters: Waiter[] = [];
  #gathering: number;
  #synced: number;
  #announced: number;
  /** The segment that the newest synced group is in. */
  #syncedSegment = 0;
  #segment: number;
  #offset = 0;
  #before: number;
  #beforeEnd: number;
  #group: Group | null = null;
  #open: OpenRecord | null = null;
  #writing = false;
  #scheduled = false;
  #failure: Error | null = null;
  #running: Promise<void> = Promise.resolve();
  #groups = 0;
  #entries = 0;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#segments = options.segments;
    this.#tail = new LogTail(options.tailBytesMax);
    this.#gathering = options.start.group;
    this.#synced = options.start.group - 1;
    this.#announced = this.#synced;
    this.#segment = options.start.segment - 1;
    this.#before = options.start.before;
    this.#beforeEnd = options.start.beforeEnd;
    // So that the first group begins a segment: an old one is never appended to.
    this.#offset = options.segmentBytes;
  }

  /** The group that the next record belongs to. */
  get gathering(): number {
    return this.#gathering;
  }

  /** The newest synced group. */
  get synced(): number {
    return this.#synced;
  }

  get syncedSegment(): number {
    return this.#syncedSegment;
  }

  get groups(): number {
    return this.#groups;
  }

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

  /** Begins a group even if nothing is logged: the first one begins a segment with a checkpoint. */
  begin(): void {
    this.#begin();
  }

  put(type: RecordType, range: RangeId, at: Position, body: Bytes): void {
    this.#begin();
    this.#put(type, range, at, body);
  }

  /** Appends entries after the last of `log`. */
  append(range: RangeId, log: RangeLog, entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      assert(entry.seq === log.lastSeq + 1, 'entries continue the log');
      this.#appendOne(range, log, entry.epoch, entry.kind, entry.payload);
    }
    this.#entries += entries.length;
  }

  #appendOne(range: RangeId, log: RangeLog, epoch: number, kind: EntryKind, payload: Bytes): void {
    const bytes = ENTRY_HEADER_BYTES + payload.length;
    let open = this.#open;
    if (open === null || open.log !== log || open.epoch !== epoch || !hasRoom(open, bytes)) {
      open = this.#openRecord(range, log, epoch, bytes);
    }
    open.end = putEntry(open.chunk.bytes, open.chunk.view, open.end, kind, payload);
    open.count++;
    log.extend(log.lastSeq + 1);
  }

  #openRecord(range: RangeId, log: RangeLog, epoch: number, bytes: number): OpenRecord {
    const group = this.#begin();
    const chunk = this.#reserve(group, padded(ENTRIES_HEADER_BYTES + bytes));
    const at = chunk.used;
    putHeader(chunk.view, at, group, RECORD_TYPES.entries, range, epoch, log.lastSeq + 1);
    putEntriesHeader(chunk.view, at, log.lastEpoch, log.lastSeq);
    const offset = group.groupStart + group.bytes;
    log.addRow(epoch, log.lastSeq + 1, { segment: group.segment, offset, chunk: chunk.number, chunkAt: at });
    const open = { log, epoch, chunk, at, end: at + ENTRIES_HEADER_BYTES, count: 0 };
    this.#open = open;
    return open;
  }

  #put(type: RecordType, range: RangeId, at: Position, body: Bytes): void {
    const group = present(this.#group, 'an open group');
    this.#closeOpen();
    const chunk = this.#reserve(group, padded(HEADER_BYTES + body.length));
    putHeader(chunk.view, chunk.used, group, type, range, at.epoch, at.seq);
    chunk.bytes.set(body, chunk.used + HEADER_BYTES);
    this.#close(group, chunk, chunk.used, chunk.used + HEADER_BYTES + body.length);
  }

  /** The open group, with nothing half-written in it that could not take a record of entries after it. */
  #begin(): Group {
    assert(this.#failure === null, 'nothing is logged after a failure');
    this.#closeOpen();
    if (this.#group !== null && this.#group.bytes >= GROUP_BYTES_MAX) this.#seal();
    if (this.#group === null) this.#beginGroup();
    return present(this.#group, 'an open group');
  }

  #beginGroup(): void {
    const opening = this.#offset >= this.#options.segmentBytes;
    if (opening) {
      this.#segment++;
      this.#segments.roll(this.#segment);
      this.#offset = 0;
    }
    this.#group = {
      group: this.#gathering,
      segment: this.#segment,
      groupStart: this.#offset,
      opening,
      parts: [],
      bytes: 0,
    };
    if (opening) this.#putOpening();
    this.#schedule();
  }

  #putOpening(): void {
    const body = encodeSegment({
      openingLength: 0,
      format: LOG_FORMAT,
      nodeId: this.#options.nodeId,
      before: this.#before,
      beforeEnd: this.#beforeEnd,
    });
    this.#put(RECORD_TYPES.segment, 0, { epoch: 0, seq: 0 }, body);
    this.#options.checkpoint(this);
  }

  /** For the checkpoint: into the group that has just begun. */
  putCheckpoint(type: RecordType, range: RangeId, body: Bytes): void {
    this.#put(type, range, { epoch: 0, seq: 0 }, body);
  }

  #reserve(group: Group, bytes: number): Chunk {
    const chunk = this.#tail.reserve(bytes);
    if (group.parts.at(-1)?.chunk !== chunk) {
      group.parts.push({ chunk, from: chunk.used, to: chunk.used });
    }
    return chunk;
  }

  #closeOpen(): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    putCount(open.chunk.view, open.at, open.count);
    open.log.closeRow(this.#close(present(this.#group, 'an open group'), open.chunk, open.at, open.end));
  }

  #close(group: Group, chunk: Chunk, at: number, end: number): number {
    const length = closeRecord(chunk.bytes, chunk.view, at, end);
    chunk.used = at + length;
    present(group.parts.at(-1), 'a part').to = chunk.used;
    group.bytes += length;
    return length;
  }

  // ---- writing -----------------------------------------------------------------------------------------------

  #schedule(): void {
    if (this.#writing || this.#scheduled) return;
    this.#scheduled = true;
    this.#options.env.soon(() => {
      this.#scheduled = false;
      if (!this.#writing) this.#running = this.#write();
    });
  }

  #seal(): void {
    this.#closeOpen();
    const group = present(this.#group, 'an open group');
    if (group.opening) setOpeningLength(group);
    let offset = group.groupStart;
    for (const { chunk, from, to } of group.parts) {
      for (let at = from; at < to; ) {
        const length = sealRecord(chunk.bytes, chunk.view, at, group.segment, offset);
        at += length;
        offset += length;
      }
    }
    this.#group = null;
    this.#sealed.push(group);
    this.#gathering++;
    this.#offset = offset;
    this.#before = group.segment;
    this.#beforeEnd = offset;
    this.#segments.setEnd(offset);
  }

  /** Writes and syncs group after group until nothing waits. */
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

  async #writeGroup(group: Group): Promise<void> {
    const file = await this.#segments.fileOf(group.segment);
    const parts = group.parts.map(({ chunk, from, to }) => chunk.bytes.subarray(from, to));
    file.write(parts, group.groupStart);
    const synced = file.sync();
    // While the disk works, the group before this one is told of.
    this.#announce();
    await synced;
    this.#setSynced(group);
  }

  #next(): Group | undefined {
    if (this.#sealed.length === 0 && this.#group === null) this.#announce();
    if (this.#sealed.length === 0 && this.#group !== null) this.#seal();
    return this.#sealed.shift();
  }

  #setSynced(group: Group): void {
    this.#synced = group.group;
    this.#groups++;
    if (group.segment !== this.#syncedSegment) {
      this.#syncedSegment = group.segment;
      this.#segments.shrinkBefore(group.segment);
    }
    this.#tail.trim(present(group.parts[0], 'a part').chunk.number);
  }

  #announce(): void {
    const group = this.#synced;
    if (group === this.#announced) return;
    this.#announced = group;
    const due = this.#waiters.filter((waiter) => waiter.group <= group);
    if (due.length > 0) this.#waiters = this.#waiters.filter((waiter) => waiter.group > group);
    for (const listener of this.#syncedListeners) listener(group);
    for (const waiter of due) waiter.resolve();
  }

  /** Nothing is logged or told of after this. A failed sync is never retried: what the disk holds is unknown (R12). */
  fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters = [];
    for (const listener of this.#failureListeners) listener(error);
  }

  /** Resolves when all that is logged now is synced; rejects if that fails. */
  flushed(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const group = this.#group === null ? this.#gathering - 1 : this.#gathering;
    if (group <= this.#announced) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ group, resolve, reject });
    });
  }

  /** Resolves when nothing is being written. */
  stopped(): Promise<void> {
    return this.#running;
  }

  // ---- reading -----------------------------------------------------------------------------------------------

  /** Entries of `log` from `from` on; null where it no longer goes back so far. */
  read(log: RangeLog, from: Seq, bytesMax: number): readonly LogEntry[] | null {
    if (from <= log.base.seq) return null;
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (const row of log.rowsFrom(from)) {
      const cursor = this.#recordOf(row);
      const start = Math.max(from, row.firstSeq);
      const before = entries.length;
      bytes += readEntries(cursor, start, row.lastSeq, bytesMax - bytes, entries);
      if (entries.length - before < row.lastSeq - start + 1) break;
    }
    return entries;
  }

  #recordOf(row: LogRow): RecordCursor {
    const chunk = this.#tail.get(row.chunk);
    if (chunk !== undefined) {
      const cursor = new RecordCursor(chunk.bytes);
      cursor.at = row.chunkAt;
      return cursor;
    }
    const cursor = new RecordCursor(this.#segments.read(row.segment, row.offset, row.length));
    if (!cursor.isValid(row.segment, row.offset)) {
      throw new CorruptDataError(`the log is damaged in segment ${row.segment} at ${row.offset}`);
    }
    return cursor;
  }
}

function hasRoom(open: OpenRecord, bytes: number): boolean {
  const end = padded(open.end + bytes);
  return end <= open.chunk.bytes.length && end - open.at <= RECORD_BYTES_MAX;
}

function setOpeningLength(group: Group): void {
  const first = present(group.parts[0], 'a part');
  first.chunk.view.setUint32(first.from + HEADER_BYTES, group.bytes, true);
}
