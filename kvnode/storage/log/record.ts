// The bytes of the log. A segment is a file of records without gaps, each at an offset that is a multiple of 8. Zeros
// follow the last record. Integers are little-endian; u64 stays below 2^53. This file writes and reads the records.
//
//   record   := length:u32 crc:u32 group:u64 groupStart:u32 type:u8 groupLength:u24 range:u64 epoch:u64 seq:u64 body 0*
//               length: of the whole record with its padding
//               crc: CRC-32 over segment number, offset, and everything after the crc; so a record is valid in its own
//               place only
//   group    := record+        numbered upwards by one, written at once, synced before the next one is written;
//               never crosses a segment
//               groupStart: the offset of the group; so any record that survives says which bytes were synced before it
//               groupLength: of the group, in units of 8 bytes; so the records say whether all of them survived
//   segment  := opening group*
//   opening  := segment checkpoint* tombstone* record*     one group, which counts only as a whole
//   entries  := prevEpoch:u64 prevSeq:u64 committed:u64 count:u32 entry+      the body of an `entries` record: entries of one
//               range and one epoch, with ascending seqs from the header's on
//               committed: when the last of them was logged, the replica knew that entries through this seq are committed
//   entry    := length:u32 kind:u8 payload
//   carried  := entries        the body of a `carried` record: entries that the log already has and still needs, written
//               again so that their old segment can be deleted. The records of one carry follow one another in seq
//               order. They count once the last of them reaches the end of the range's log; until then the old ones do
//
// bodies.ts has the bodies of the other records.

import { crc32 } from 'node:zlib';
import { assert, present } from '../../../common/base/assert.ts';
import type { Bytes } from '../../../common/base/bytes.ts';
import { getU64le, putU64le, viewOf } from '../../../common/base/integers.ts';
import { CorruptDataError } from '../data-errors.ts';
import { ENTRY_KINDS, type EntryKind, type LogEntry } from '../storage.ts';

export const RECORD_TYPES = {
  /** The first record of each segment: format, node, the segment before it. */
  segment: 1,
  /** A replica as it was when the segment began. */
  checkpoint: 2,
  /** A replica was made on this node. */
  create: 3,
  entries: 4,
  /** The header's epoch is the new epochSeen. */
  epochSeen: 5,
  /** The header's (epoch, seq) is the last entry that is kept. */
  truncate: 6,
  /** A snapshot is being installed: the replica holds nothing. */
  void: 7,
  /** A snapshot is installed: the log continues after the header's (epoch, seq). */
  installed: 8,
  /** A replica was wiped: its rows are to be cleared, or are cleared. */
  tombstone: 9,
  carried: 10,
  /** S6: replicas end, and their children take their place. */
  replaced: 11,
} as const;
export type RecordType = (typeof RECORD_TYPES)[keyof typeof RECORD_TYPES];

const LAST_TYPE = RECORD_TYPES.replaced;

export const HEADER_BYTES = 48;
export const ENTRIES_HEADER_BYTES = HEADER_BYTES + 28;
export const ENTRY_HEADER_BYTES = 5;

const LENGTH = 0;
const CRC = 4;
const GROUP = 8;
const GROUP_START = 16;
const TYPE = 20;
const RANGE = 24;
const EPOCH = 32;
const SEQ = 40;
const PREV_EPOCH = 48;
const PREV_SEQ = 56;
const COMMITTED = 64;
const COUNT = 72;

/** The length of a group is a multiple of 8 bytes, and is stored in 24 bits. */
const GROUP_UNIT_BYTES = 8;
const GROUP_UNITS_MAX = 2 ** 24 - 1;

export function padded(length: number): number {
  return (length + 7) & ~7;
}

// ---- writing -------------------------------------------------------------------------------------------------

/** Memory that records are encoded in. */
export interface RecordBuffer {
  readonly bytes: Bytes;
  readonly view: DataView;
}

export interface GroupPlace {
  readonly group: number;
  readonly groupStart: number;
}

export interface RecordHeader {
  readonly type: RecordType;
  readonly range: number;
  readonly epoch: number;
  readonly seq: number;
}

/** Writes the header, except for length, group length and crc, which {@link sealRecord} adds. */
export function putHeader(view: DataView, at: number, place: GroupPlace, header: RecordHeader): void {
  putU64le(view, at + GROUP, place.group);
  view.setUint32(at + GROUP_START, place.groupStart, true);
  view.setUint32(at + TYPE, header.type, true);
  putU64le(view, at + RANGE, header.range);
  putU64le(view, at + EPOCH, header.epoch);
  putU64le(view, at + SEQ, header.seq);
}

export function putEntriesHeader(view: DataView, at: number, prevEpoch: number, prevSeq: number): void {
  putU64le(view, at + PREV_EPOCH, prevEpoch);
  putU64le(view, at + PREV_SEQ, prevSeq);
}

/** Copies one entry to `at`. Returns the offset after it. */
export function putEntry(into: RecordBuffer, at: number, kind: EntryKind, payload: Bytes): number {
  into.view.setUint32(at, payload.length, true);
  into.bytes[at + 4] = kind;
  into.bytes.set(payload, at + ENTRY_HEADER_BYTES);
  return at + ENTRY_HEADER_BYTES + payload.length;
}

/** Writes the fields of an `entries` record that are known only when it is complete. */
export function putCount(view: DataView, at: number, count: number, committed: number): void {
  putU64le(view, at + COMMITTED, committed);
  view.setUint32(at + COUNT, count, true);
}

/** Pads the record with zeros to a multiple of 8 bytes and sets its length. Returns the length. */
export function closeRecord({ bytes, view }: RecordBuffer, at: number, end: number): number {
  const length = padded(end - at);
  bytes.fill(0, end, at + length);
  view.setUint32(at + LENGTH, length, true);
  return length;
}

const placeBytes = new Uint8Array(8);
const placeView = viewOf(placeBytes);

/** The checksum of a record for its place. `content` is all of the record after the crc. */
function recordChecksum(content: Bytes, segment: number, offset: number): number {
  placeView.setUint32(0, segment, true);
  placeView.setUint32(4, offset, true);
  return crc32(content, crc32(placeBytes));
}

/** Where a group is written, and how long it is. */
export interface SealedPlace {
  readonly segment: number;
  readonly groupBytes: number;
}

/** Adds group length and checksum to a closed record, which will be at `offset` of the segment. Returns its length. */
export function sealRecord(
  { bytes, view }: RecordBuffer,
  at: number,
  { segment, groupBytes }: SealedPlace,
  offset: number,
): number {
  const units = groupBytes / GROUP_UNIT_BYTES;
  assert(Number.isInteger(units) && units <= GROUP_UNITS_MAX, 'the length of a group fits its field');
  view.setUint32(at + TYPE, view.getUint8(at + TYPE) | (units << 8), true);
  const length = view.getUint32(at + LENGTH, true);
  view.setUint32(at + CRC, recordChecksum(bytes.subarray(at + GROUP, at + length), segment, offset), true);
  return length;
}

// ---- reading -------------------------------------------------------------------------------------------------

/**
 * A cursor on the records of a buffer. It is moved from record to record, so that reading a log allocates no object per
 * record.
 */
export class RecordCursor {
  readonly bytes: Bytes;
  readonly view: DataView;
  /** The offset of the record in `bytes`. */
  at = 0;

  constructor(bytes: Bytes, view: DataView = viewOf(bytes)) {
    this.bytes = bytes;
    this.view = view;
  }

  get length(): number {
    return this.view.getUint32(this.at + LENGTH, true);
  }

  get group(): number {
    return getU64le(this.view, this.at + GROUP);
  }

  get groupStart(): number {
    return this.view.getUint32(this.at + GROUP_START, true);
  }

  /** Length in bytes of the group of this record. */
  get groupLength(): number {
    return (this.view.getUint32(this.at + TYPE, true) >>> 8) * GROUP_UNIT_BYTES;
  }

  get type(): RecordType {
    return this.view.getUint8(this.at + TYPE) as RecordType;
  }

  get range(): number {
    return getU64le(this.view, this.at + RANGE);
  }

  get epoch(): number {
    return getU64le(this.view, this.at + EPOCH);
  }

  get seq(): number {
    return getU64le(this.view, this.at + SEQ);
  }

  get prevEpoch(): number {
    return getU64le(this.view, this.at + PREV_EPOCH);
  }

  get prevSeq(): number {
    return getU64le(this.view, this.at + PREV_SEQ);
  }

  get committed(): number {
    return getU64le(this.view, this.at + COMMITTED);
  }

  get count(): number {
    return this.view.getUint32(this.at + COUNT, true);
  }

  /** The body of a record that has no entries, with its padding. */
  get body(): Bytes {
    return this.bytes.subarray(this.at + HEADER_BYTES, this.at + this.length);
  }

  /** Whether the bytes at `at` are a record that was written for `offset` of `segment`. */
  isValid(segment: number, offset: number): boolean {
    return this.isPlausible(offset) && this.matches(segment, offset);
  }

  /** The checks that need no checksum. They are cheap, for scanning bytes that need not be records. */
  isPlausible(offset: number): boolean {
    if (this.at + HEADER_BYTES > this.bytes.length) return false;
    const length = this.length;
    if (length < HEADER_BYTES || (length & 7) !== 0 || this.at + length > this.bytes.length) return false;
    const type: number = this.type;
    return type >= 1 && type <= LAST_TYPE && this.groupStart <= offset;
  }

  matches(segment: number, offset: number): boolean {
    const content = this.bytes.subarray(this.at + GROUP, this.at + this.length);
    return this.view.getUint32(this.at + CRC, true) === recordChecksum(content, segment, offset);
  }
}

export interface ReadBounds {
  readonly from: number;
  readonly last: number;
  readonly bytesMax: number;
}

/**
 * Adds entries of the record at the cursor to `into`, from seq `from` through `last`, until `bytesMax` bytes of payload
 * would be exceeded. An empty list always takes one entry. Returns the bytes of payload added. Throws CorruptDataError
 * if the kind of an entry is unknown.
 */
export function readEntries(cursor: RecordCursor, bounds: ReadBounds, into: LogEntry[]): number {
  const { from, last, bytesMax } = bounds;
  const { bytes, view } = cursor;
  const epoch = cursor.epoch;
  let at = cursor.at + ENTRIES_HEADER_BYTES;
  let added = 0;
  for (let seq = cursor.seq; seq <= last; seq++) {
    const length = view.getUint32(at, true);
    const start = at + ENTRY_HEADER_BYTES;
    if (seq >= from) {
      if (added + length > bytesMax && into.length > 0) break;
      const kind = entryKind(present(bytes[at + 4], 'an entry kind'));
      into.push({ epoch, seq, kind, payload: bytes.subarray(start, start + length) });
      added += length;
    }
    at = start + length;
  }
  return added;
}

function entryKind(byte: number): EntryKind {
  const { epochStart, operation, check } = ENTRY_KINDS;
  if (byte === epochStart || byte === operation || byte === check) return byte;
  throw new CorruptDataError(`the log has an entry of unknown kind ${byte}`);
}
