// The bytes of the log. A segment is a file of records, each at an offset that is a multiple of 8, one after the other;
// zeros follow. Integers are little-endian; u64 stays below 2^53. This file both writes and reads them.
//
//   record   := length:u32 crc:u32 group:u64 groupStart:u32 type:u8 groupLength:u24 range:u64 epoch:u64 seq:u64 body 0*
//               length counts all of it, padding too; crc is CRC-32 over segment number, offset, then everything
//               after the crc, so that a record is valid in its own place only
//   group    := record+        numbered upwards by one, written at once, synced before the next one is written;
//               never crosses a segment; groupStart is where in the segment it starts, so that whichever of its
//               records survive tell which bytes were synced before it; groupLength, in units of 8 bytes, says
//               whether all of them survived
//   segment  := opening group*
//   opening  := segment checkpoint* tombstone* record*     one group, counts only as a whole
//   entries  := prevEpoch:u64 prevSeq:u64 committed:u64 count:u32 entry+      body of an `entries` record: entries of one range
//               and one epoch, seq rising by one from the header's; committed: the replica knew that the entries through
//               this seq are committed when it logged the last of these
//   entry    := length:u32 kind:u8 payload
//   carried  := entries         body of a `carried` record: entries that the log has had before and still needs, written
//               again so that the segment they stood in may go. The records of one carry follow one another in seq order
//               and count once the last of them reaches the end of the range's log: until then the old ones do
//
// The bodies of the rarer records are in bodies.ts.

import { crc32 } from 'node:zlib';
import { assert, present } from '../../../common/base/assert.ts';
import type { Bytes } from '../../../common/base/bytes.ts';
import { getU64le, putU64le, viewOf } from '../../../common/base/integers.ts';
import { CorruptDataError } from '../data-errors.ts';
import { ENTRY_KINDS, type EntryKind, type LogEntry } from '../storage.ts';

export const RECORD_TYPES = {
  /** First in each segment: format, node, what came before. */
  segment: 1,
  /** A replica as it stood when its segment began. */
  checkpoint: 2,
  /** A replica made here. */
  create: 3,
  entries: 4,
  /** epoch: what epochSeen is from here on. */
  epochSeen: 5,
  /** (epoch, seq): the last entry kept. */
  truncate: 6,
  /** A snapshot is being installed: the replica holds nothing. */
  void: 7,
  /** (epoch, seq): the snapshot is in; the log continues after this position. */
  installed: 8,
  /** A replica wiped: its rows are still to be cleared, or no longer. */
  tombstone: 9,
  carried: 10,
} as const;
export type RecordType = (typeof RECORD_TYPES)[keyof typeof RECORD_TYPES];

const LAST_TYPE = RECORD_TYPES.carried;

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

/** Groups are multiples of 8 bytes, and their length has 24 bits. */
const GROUP_UNIT_BYTES = 8;
const GROUP_UNITS_MAX = 2 ** 24 - 1;

export function padded(length: number): number {
  return (length + 7) & ~7;
}

// ---- writing -------------------------------------------------------------------------------------------------

export interface GroupPlace {
  readonly group: number;
  readonly groupStart: number;
}

/** Everything of the header but length, group length and crc, which {@link sealRecord} adds. */
export function putHeader(
  view: DataView,
  at: number,
  place: GroupPlace,
  type: RecordType,
  range: number,
  epoch: number,
  seq: number,
): void {
  putU64le(view, at + GROUP, place.group);
  view.setUint32(at + GROUP_START, place.groupStart, true);
  view.setUint32(at + TYPE, type, true);
  putU64le(view, at + RANGE, range);
  putU64le(view, at + EPOCH, epoch);
  putU64le(view, at + SEQ, seq);
}

export function putEntriesHeader(view: DataView, at: number, prevEpoch: number, prevSeq: number): void {
  putU64le(view, at + PREV_EPOCH, prevEpoch);
  putU64le(view, at + PREV_SEQ, prevSeq);
}

/** Copies one entry to `at`; answers where the next one goes. */
export function putEntry(bytes: Bytes, view: DataView, at: number, kind: EntryKind, payload: Bytes): number {
  view.setUint32(at, payload.length, true);
  bytes[at + 4] = kind;
  bytes.set(payload, at + ENTRY_HEADER_BYTES);
  return at + ENTRY_HEADER_BYTES + payload.length;
}

/** What is known of a record of entries only once it is complete. */
export function putCount(view: DataView, at: number, count: number, committed: number): void {
  putU64le(view, at + COMMITTED, committed);
  view.setUint32(at + COUNT, count, true);
}

/** Fills the record up to a multiple of 8 with zeros and sets its length; answers it. */
export function closeRecord(bytes: Bytes, view: DataView, at: number, end: number): number {
  const length = padded(end - at);
  bytes.fill(0, end, at + length);
  view.setUint32(at + LENGTH, length, true);
  return length;
}

const placeBytes = new Uint8Array(8);
const placeView = viewOf(placeBytes);

function checksum(bytes: Bytes, at: number, length: number, segment: number, offset: number): number {
  setPlace(segment, offset);
  return crc32(bytes.subarray(at + GROUP, at + length), crc32(placeBytes));
}

function setPlace(segment: number, offset: number): void {
  placeView.setUint32(0, segment, true);
  placeView.setUint32(4, offset, true);
}

/** Seals a closed record that will stand at `offset` of `segment` in a group of `groupBytes`. Returns its length. */
export function sealRecord(
  bytes: Bytes,
  view: DataView,
  at: number,
  segment: number,
  offset: number,
  groupBytes: number,
): number {
  const units = groupBytes / GROUP_UNIT_BYTES;
  assert(Number.isInteger(units) && units <= GROUP_UNITS_MAX, 'the length of a group fits its field');
  view.setUint32(at + TYPE, (bytes[at + TYPE] as number) | (units << 8), true);
  const length = view.getUint32(at + LENGTH, true);
  view.setUint32(at + CRC, checksum(bytes, at, length, segment, offset), true);
  return length;
}

// ---- reading -------------------------------------------------------------------------------------------------

/** A window on one record of a buffer; moved from record to record, so that reading a log makes no object for each. */
export class RecordCursor {
  readonly bytes: Bytes;
  readonly view: DataView;
  /** Where the record starts in `bytes`. */
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

  /** Bytes of the group that this record belongs to. */
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

  /** The body of a record that is not `entries`, padding included. */
  get body(): Bytes {
    return this.bytes.subarray(this.at + HEADER_BYTES, this.at + this.length);
  }

  /** The whole record. */
  get raw(): Bytes {
    return this.bytes.subarray(this.at, this.at + this.length);
  }

  /** Whether the bytes at `at` are a record written for `offset` of `segment`. */
  isValid(segment: number, offset: number): boolean {
    return this.isPlausible(offset) && this.matches(segment, offset);
  }

  /** What can be told without the checksum: cheap, for looking through bytes that need not be records. */
  isPlausible(offset: number): boolean {
    if (this.at + HEADER_BYTES > this.bytes.length) return false;
    const length = this.length;
    if (length < HEADER_BYTES || (length & 7) !== 0 || this.at + length > this.bytes.length) return false;
    const type: number = this.type;
    return type >= 1 && type <= LAST_TYPE && this.groupStart <= offset;
  }

  matches(segment: number, offset: number): boolean {
    const { bytes, at, length } = this;
    return this.view.getUint32(at + CRC, true) === checksum(bytes, at, length, segment, offset);
  }
}

/**
 * Adds to `into` the entries of the `entries` record at `at` from the one with seq `from` on, until `last`, or until
 * `bytesMax` bytes of payload would be exceeded (one entry always fits an empty list). Answers the bytes of payload added.
 */
export function readEntries(
  cursor: RecordCursor,
  from: number,
  last: number,
  bytesMax: number,
  into: LogEntry[],
): number {
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
