// The group that gathers: records of all ranges, encoded in memory (tail.ts) as they will be on disk. The place of each
// is known from the start; only the checksums are added when the group is sealed.
//
// A segment begins with a checkpoint of all replicas. It is taken when the first record of a group starts a segment,
// before that record has any effect: whoever changes a replica logs first and changes then.

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

export interface GroupOptions {
  readonly nodeId: NodeId;
  readonly segments: Segments;
  readonly segmentBytes: number;
  readonly tail: LogTail;
  readonly start: LogStart;
  /** Logs the checkpoint of every replica as it stands. */
  readonly checkpoint: (into: GroupBuilder) => void;
  /** The newest batch that the state store has on the disk. */
  readonly stateBatch: () => number;
  /** A group has got its first record. */
  readonly onBegun: () => void;
  /** A group was sealed because it is large; another one gathers. */
  readonly onFull: (group: LogGroup) => void;
}

/** Bytes of a group in one chunk. */
export interface GroupPart {
  readonly chunk: Chunk;
  readonly from: number;
  to: number;
}

export interface LogGroup extends GroupPlace {
  readonly segment: number;
  /** Whether it opens its segment. */
  readonly opening: boolean;
  readonly parts: GroupPart[];
  /** Bytes of closed records. */
  bytes: number;
}

/** The record of entries that can still take more of them. */
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
  /** Where the next group goes. */
  #segment: number;
  #offset: number;
  /** Where the newest sealed group ends. */
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
    // So that the first group begins a segment: an old one is never appended to.
    this.#offset = segmentBytes;
  }

  /** The group that the next record belongs to. */
  get gathering(): number {
    return this.#gathering;
  }

  get isEmpty(): boolean {
    return this.#group === null;
  }

  /** Begins a group even if nothing is logged: the first one begins a segment with a checkpoint. */
  begin(): void {
    this.#begin();
  }

  put(type: RecordType, range: RangeId, at: Position, body: Bytes): void {
    this.#begin();
    this.#put(type, range, at, body);
  }

  /** Appends entries after the last of `log`. */
  append(range: RangeId, log: RangeLogIndex, entries: readonly LogEntry[], committed: Seq): void {
    for (const entry of entries) {
      assert(entry.seq === log.lastSeq + 1, 'entries continue the log');
      this.#appendOne(range, log, entry, committed);
    }
  }

  /** Writes entries of `log` again, which follow `prev`, so that they are found here from now on. */
  carry(
    range: RangeId,
    log: RangeLogIndex,
    prev: Position,
    entries: readonly LogEntry[],
    committed: Seq,
  ): void {
    let before = prev;
    for (let from = 0; from < entries.length; ) {
      const to = from + entriesPerRecord(entries, from);
      this.#carryRecord(range, log, before, entries.slice(from, to), committed);
      const last = present(entries[to - 1], 'a carried entry');
      before = { epoch: last.epoch, seq: last.seq };
      from = to;
    }
  }

  #carryRecord(
    range: RangeId,
    log: RangeLogIndex,
    prev: Position,
    entries: readonly LogEntry[],
    committed: Seq,
  ): void {
    const { epoch, seq } = present(entries[0], 'a carried entry');
    const group = this.#begin();
    const bytes = entries.reduce((sum, { payload }) => sum + ENTRY_HEADER_BYTES + payload.length, 0);
    const chunk = this.#reserve(group, padded(ENTRIES_HEADER_BYTES + bytes));
    const at = chunk.used;
    const offset = group.groupStart + group.bytes;
    putHeader(chunk.view, at, group, RECORD_TYPES.carried, range, epoch, seq);
    putEntriesHeader(chunk.view, at, prev.epoch, prev.seq);
    let end = at + ENTRIES_HEADER_BYTES;
    for (const { kind, payload } of entries) end = putEntry(chunk.bytes, chunk.view, end, kind, payload);
    putCount(chunk.view, at, entries.length, committed);
    const length = this.#close(group, chunk, at, end);
    const place = { segment: group.segment, offset, chunk: chunk.number, chunkAt: at };
    log.carry({ prev, epoch, count: entries.length, length, place });
  }

  #appendOne(range: RangeId, log: RangeLogIndex, { epoch, kind, payload }: LogEntry, committed: Seq): void {
    const bytes = ENTRY_HEADER_BYTES + payload.length;
    let open = this.#open;
    if (open === null || open.log !== log || open.epoch !== epoch || !hasRoom(open, bytes)) {
      open = this.#openRecord(range, log, epoch, bytes);
    }
    open.end = putEntry(open.chunk.bytes, open.chunk.view, open.end, kind, payload);
    open.count++;
    open.committed = committed;
    log.extend(log.lastSeq + 1);
  }

  #openRecord(range: RangeId, log: RangeLogIndex, epoch: number, bytes: number): OpenRecord {
    const group = this.#begin();
    const chunk = this.#reserve(group, padded(ENTRIES_HEADER_BYTES + bytes));
    const at = chunk.used;
    putHeader(chunk.view, at, group, RECORD_TYPES.entries, range, epoch, log.lastSeq + 1);
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
    putHeader(chunk.view, chunk.used, group, type, range, at.epoch, at.seq);
    chunk.bytes.set(body, chunk.used + HEADER_BYTES);
    this.#close(group, chunk, chunk.used, chunk.used + HEADER_BYTES + body.length);
  }

  /** The open group, with nothing half-written in it that could not take a record of entries after it. */
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

  /** For the checkpoint: into the group that has just begun. */
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
    const length = closeRecord(chunk.bytes, chunk.view, at, end);
    chunk.used = at + length;
    present(group.parts.at(-1), 'a part').to = chunk.used;
    group.bytes += length;
    return length;
  }

  /** No more goes into the group that gathers, which has a record; its bytes are final. */
  seal(): LogGroup {
    this.#closeOpen();
    const group = present(this.#group, 'an open group');
    if (group.opening) setOpeningLength(group);
    let offset = group.groupStart;
    for (const { chunk, from, to } of group.parts) {
      for (let at = from; at < to; ) {
        const length = sealRecord(chunk.bytes, chunk.view, at, group.segment, offset, group.bytes);
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

/** How many of the entries from `from` on go into one record: of one epoch, and not too many bytes. */
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
