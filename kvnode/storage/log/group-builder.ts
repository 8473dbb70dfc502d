// Builds the group that collects records. Records of all ranges are encoded in memory (tail.ts) as they will be on the
// disk. The place of each record on the disk is known from the start; only the checksums are added when the group is
// sealed.
//
// A segment begins with a checkpoint of all replicas. It is taken when the first record of a group begins a segment,
// before that record has any effect. So a change of a replica must be logged first and take effect afterwards.

import { assert, present } from '../../../common/base/assert.ts';
import type { Bytes } from '../../../common/base/bytes.ts';
import type { NodeId, Position, RangeId, Seq } from '../../../common/model/ids.ts';
import type { LogEntry } from '../storage.ts';
import { encodeSegment, LOG_FORMAT } from './bodies.ts';
import type { RangeLogIndex } from './range-log-index.ts';
import {
  closeRecord,
  ENTRIES_HEADER_BYTES,
  ENTRY_HEADER_BYTES,
  type GroupPlace,
  HEADER_BYTES,
  padded,
  putCount,
  putEntriesHeader,
  putEntry,
  putHeader,
  RECORD_TYPES,
  type RecordType,
  sealRecord,
} from './record.ts';
import type { Segments } from './segments.ts';
import type { Chunk, LogTail } from './tail.ts';

/** A group of this size is sealed. */
const GROUP_BYTES_MAX = 4 * 1024 * 1024;
/** An `entries` record of this size takes no more entries, so that reading one entry never reads much more. */
const RECORD_BYTES_MAX = 128 * 1024;

/** Where the log continues after what a start has found. */
export interface LogStart {
  readonly group: number;
  readonly segment: number;
  /** The segment before the first one that will be written (0: none), and where its records end. */
  readonly before: number;
  readonly beforeEnd: number;
}

export interface GroupOptions {
  readonly nodeId: NodeId;
  readonly segments: Segments;
  readonly segmentBytes: number;
  readonly tail: LogTail;
  readonly start: LogStart;
  /** Logs a checkpoint of every replica as it is now. */
  readonly checkpoint: (into: GroupBuilder) => void;
  /** The number of the newest batch that the state store has on the disk. */
  readonly stateBatch: () => number;
  /** Called when a group has its first record. */
  readonly onBegun: () => void;
  /** Called when a group was sealed because of its size. The next records begin another one. */
  readonly onFull: (group: LogGroup) => void;
}

/** The bytes of a group in one chunk. */
export interface GroupPart {
  readonly chunk: Chunk;
  readonly from: number;
  to: number;
}

export interface LogGroup extends GroupPlace {
  readonly segment: number;
  /** Whether it is the first group of its segment. */
  readonly opening: boolean;
  readonly parts: GroupPart[];
  /** Bytes of its closed records. */
  bytes: number;
}

/** Entries of a log that are written again. They follow `prev`. */
export interface CarriedEntries {
  readonly prev: Position;
  readonly entries: readonly LogEntry[];
  /** The replica knows that entries through this seq are committed. */
  readonly committed: Seq;
}

/** The `entries` record that can still take entries. */
interface OpenRecord {
  readonly log: RangeLogIndex;
  readonly epoch: number;
  readonly chunk: Chunk;
  readonly at: number;
  end: number;
  count: number;
  committed: Seq;
}

export class GroupBuilder {
  readonly #options: GroupOptions;
  #gathering: number;
  /** Where the next group will be written. */
  #segment: number;
  #offset: number;
  /** Where the newest sealed group ends: segment and offset. */
  #before: number;
  #beforeEnd: number;
  #group: LogGroup | null = null;
  #open: OpenRecord | null = null;

  constructor(options: GroupOptions) {
    const { start, segmentBytes } = options;
    this.#options = options;
    this.#gathering = start.group;
    this.#segment = start.segment - 1;
    this.#before = start.before;
    this.#beforeEnd = start.beforeEnd;
    // The first group begins a new segment: an old one is never appended to.
    this.#offset = segmentBytes;
  }

  /** The number of the group that the next record belongs to. */
  get gathering(): number {
    return this.#gathering;
  }

  get isEmpty(): boolean {
    return this.#group === null;
  }

  /** Begins a group even if nothing is logged. The first group begins a segment with a checkpoint. */
  begin(): void {
    this.#begin();
  }

  put(type: RecordType, range: RangeId, at: Position, body: Bytes): void {
    this.#begin();
    this.#put(type, range, at, body);
  }

  /** Appends entries after the last one of `log`. */
  append(range: RangeId, log: RangeLogIndex, entries: readonly LogEntry[], committed: Seq): void {
    for (const entry of entries) {
      assert(entry.seq === log.lastSeq + 1, 'entries continue the log');
      this.#appendOne(range, log, entry, committed);
    }
  }

  /** Writes entries of `log` again. From then on they are found here. */
  carry(range: RangeId, log: RangeLogIndex, { prev, entries, committed }: CarriedEntries): void {
    let before = prev;
    for (let from = 0; from < entries.length; ) {
      const to = from + entriesPerRecord(entries, from);
      this.#carryRecord(range, log, { prev: before, entries: entries.slice(from, to), committed });
      const last = present(entries[to - 1], 'a carried entry');
      before = { epoch: last.epoch, seq: last.seq };
      from = to;
    }
  }

  #carryRecord(range: RangeId, log: RangeLogIndex, { prev, entries, committed }: CarriedEntries): void {
    const { epoch, seq } = present(entries[0], 'a carried entry');
    const group = this.#begin();
    const bytes = entries.reduce((sum, { payload }) => sum + ENTRY_HEADER_BYTES + payload.length, 0);
    const chunk = this.#reserve(group, padded(ENTRIES_HEADER_BYTES + bytes));
    const at = chunk.used;
    const offset = group.groupStart + group.bytes;
    putHeader(chunk.view, at, group, { type: RECORD_TYPES.carried, range, epoch, seq });
    putEntriesHeader(chunk.view, at, prev.epoch, prev.seq);
    let end = at + ENTRIES_HEADER_BYTES;
    for (const { kind, payload } of entries) end = putEntry(chunk, end, kind, payload);
    putCount(chunk.view, at, entries.length, committed);
    const length = this.#close(group, chunk, at, end);
    const location = { segment: group.segment, offset, chunk: chunk.number, chunkAt: at };
    log.carry({ prev, epoch, count: entries.length, length, location });
  }

  #appendOne(range: RangeId, log: RangeLogIndex, { epoch, kind, payload }: LogEntry, committed: Seq): void {
    const bytes = ENTRY_HEADER_BYTES + payload.length;
    let open = this.#open;
    if (open === null || open.log !== log || open.epoch !== epoch || !hasRoom(open, bytes)) {
      open = this.#openRecord(range, log, epoch, bytes);
    }
    open.end = putEntry(open.chunk, open.end, kind, payload);
    open.count++;
    open.committed = committed;
    log.extend(log.lastSeq + 1);
  }

  #openRecord(range: RangeId, log: RangeLogIndex, epoch: number, bytes: number): OpenRecord {
    const group = this.#begin();
    const chunk = this.#reserve(group, padded(ENTRIES_HEADER_BYTES + bytes));
    const at = chunk.used;
    putHeader(chunk.view, at, group, { type: RECORD_TYPES.entries, range, epoch, seq: log.lastSeq + 1 });
    putEntriesHeader(chunk.view, at, log.lastEpoch, log.lastSeq);
    const offset = group.groupStart + group.bytes;
    log.addRow(epoch, log.lastSeq + 1, { segment: group.segment, offset, chunk: chunk.number, chunkAt: at });
    const open = { log, epoch, chunk, at, end: at + ENTRIES_HEADER_BYTES, count: 0, committed: 0 };
    this.#open = open;
    return open;
  }

  #put(type: RecordType, range: RangeId, at: Position, body: Bytes): void {
    const group = present(this.#group, 'an open group');
    this.#closeOpen();
    const chunk = this.#reserve(group, padded(HEADER_BYTES + body.length));
    putHeader(chunk.view, chunk.used, group, { type, range, epoch: at.epoch, seq: at.seq });
    chunk.bytes.set(body, chunk.used + HEADER_BYTES);
    this.#close(group, chunk, chunk.used, chunk.used + HEADER_BYTES + body.length);
  }

  /** The open group, or a new one. Its last record is closed, so that a record of any type can follow. */
  #begin(): LogGroup {
    this.#closeOpen();
    if (this.#group !== null && this.#group.bytes >= GROUP_BYTES_MAX) this.#options.onFull(this.seal());
    if (this.#group === null) this.#beginGroup();
    return present(this.#group, 'an open group');
  }

  #beginGroup(): void {
    const opening = this.#offset >= this.#options.segmentBytes;
    if (opening) {
      this.#segment++;
      this.#options.segments.roll(this.#segment);
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
    this.#options.onBegun();
  }

  #putOpening(): void {
    const body = encodeSegment({
      openingLength: 0,
      format: LOG_FORMAT,
      nodeId: this.#options.nodeId,
      before: this.#before,
      beforeEnd: this.#beforeEnd,
      stateBatch: this.#options.stateBatch(),
    });
    this.#put(RECORD_TYPES.segment, 0, { epoch: 0, seq: 0 }, body);
    this.#options.checkpoint(this);
  }

  /** Adds a record of the checkpoint to the group that has just begun. */
  putCheckpoint(type: RecordType, range: RangeId, body: Bytes): void {
    this.#put(type, range, { epoch: 0, seq: 0 }, body);
  }

  #reserve(group: LogGroup, bytes: number): Chunk {
    const chunk = this.#options.tail.reserve(bytes);
    if (group.parts.at(-1)?.chunk !== chunk) {
      group.parts.push({ chunk, from: chunk.used, to: chunk.used });
    }
    return chunk;
  }

  #closeOpen(): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    putCount(open.chunk.view, open.at, open.count, open.committed);
    open.log.closeRow(this.#close(present(this.#group, 'an open group'), open.chunk, open.at, open.end));
  }

  #close(group: LogGroup, chunk: Chunk, at: number, end: number): number {
    const length = closeRecord(chunk, at, end);
    chunk.used = at + length;
    present(group.parts.at(-1), 'a part').to = chunk.used;
    group.bytes += length;
    return length;
  }

  /** Completes the group, which has at least one record. Its bytes are final then. */
  seal(): LogGroup {
    this.#closeOpen();
    const group = present(this.#group, 'an open group');
    if (group.opening) setOpeningLength(group);
    const place = { segment: group.segment, groupBytes: group.bytes };
    let offset = group.groupStart;
    for (const { chunk, from, to } of group.parts) {
      for (let at = from; at < to; ) {
        const length = sealRecord(chunk, at, place, offset);
        at += length;
        offset += length;
      }
    }
    this.#group = null;
    this.#gathering++;
    this.#offset = offset;
    this.#before = group.segment;
    this.#beforeEnd = offset;
    this.#options.segments.setEnd(offset);
    return group;
  }
}

/** How many entries from index `from` on fit one record: all of one epoch, and of limited size. */
function entriesPerRecord(entries: readonly LogEntry[], from: number): number {
  const epoch = entries[from]?.epoch;
  let count = 0;
  for (let bytes = ENTRIES_HEADER_BYTES; ; count++) {
    const entry = entries[from + count];
    if (entry === undefined || entry.epoch !== epoch) return count;
    bytes += ENTRY_HEADER_BYTES + entry.payload.length;
    if (count > 0 && padded(bytes) > RECORD_BYTES_MAX) return count;
  }
}

function hasRoom(open: OpenRecord, bytes: number): boolean {
  const end = padded(open.end + bytes);
  return end <= open.chunk.bytes.length && end - open.at <= RECORD_BYTES_MAX;
}

function setOpeningLength(group: LogGroup): void {
  const first = present(group.parts[0], 'a part');
  first.chunk.view.setUint32(first.from + HEADER_BYTES, group.bytes, true);
}
