// Finds the valid log at a start (docs/storage.md#recovery, R12). Only checksums and group numbers answer two
// questions:
//
// - Which segments count? The newest one whose first group is complete, and those before it: each segment names the one
//   before it and where that one ends. A newer file without a complete first group was never synced.
// - Where does the log end? At the first bad record of the last segment. If that is in the last group that was written,
//   the group is torn: it was never synced, and what follows is cut off. But if a record of a later group is found, the
//   bad bytes had been synced: they are damage. A bad byte in an earlier segment is damage too.
//
// The valid part of the last group may be synced or not. The caller writes it into a new segment and syncs it before
// anything counts.

import { emptyBytes } from '../../../common/base/bytes.ts';
import { CorruptDataError, DataFormatError } from '../data-errors.ts';
import type { Disk } from '../disk.ts';
import { type Paths, parseSegmentName, segmentPath } from '../files.ts';
import { decodeSegment, LOG_FORMAT, type SegmentBody } from './bodies.ts';
import { RECORD_TYPES, RecordCursor } from './record.ts';

/** A segment that counts, up to the offset `end`. */
export interface FoundSegment {
  readonly number: number;
  readonly end: number;
}

export interface FoundLog {
  /** Oldest first. All of their groups are synced. */
  readonly segments: readonly FoundSegment[];
  /** The segment of the last group, and the offsets between which its valid part is. Null if there is no log. */
  readonly last: { readonly number: number; readonly from: number; readonly to: number } | null;
  /** The number of the last group. 0 if there is no log. */
  readonly group: number;
  /** Whether the last group is complete. */
  readonly complete: boolean;
  /** The highest segment number of any file, whether it counts or not. */
  readonly highest: number;
  /** Whether a torn group was cut off. */
  readonly torn: boolean;
  /** Files that do not count and are deleted. */
  readonly leftovers: readonly number[];
}

export function listSegments(disk: Disk, paths: Paths): number[] {
  const numbers = disk.list(paths.log).map(parseSegmentName);
  return numbers.filter((number) => number !== null).sort((a, b) => a - b);
}

export function readSegment(disk: Disk, paths: Paths, number: number): RecordCursor {
  return new RecordCursor(disk.read(segmentPath(paths, number)) ?? emptyBytes);
}

/** Finds the log of node `nodeId`. Throws CorruptDataError (R12), DataFormatError. */
export function findLog(disk: Disk, paths: Paths, nodeId: string): FoundLog {
  const numbers = listSegments(disk, paths);
  const highest = numbers.at(-1) ?? 0;
  /** A newer segment whose first group is torn says that the segment before it was synced through there. */
  let requiredEnd: { readonly number: number; readonly end: number } | null = null;
  for (const number of numbers.toReversed()) {
    const cursor = readSegment(disk, paths, number);
    const opening = checkOpening(cursor, number, nodeId);
    if (opening.kind === 'complete') {
      const reach = requiredEnd?.number === number ? requiredEnd.end : 0;
      const tail = findEnd(cursor, number, reach);
      checkConsecutive(numbers.slice(numbers.indexOf(number)));
      return { ...findChain({ disk, paths, numbers, last: number, body: opening.body, end: tail }), highest };
    }
    if (opening.kind === 'torn') requiredEnd = { number: opening.body.before, end: opening.body.beforeEnd };
  }
  if (requiredEnd !== null && requiredEnd.number !== 0) {
    throw new CorruptDataError(`segment ${requiredEnd.number} of the log is lost or damaged`);
  }
  // The first start of this node was killed before it had begun the log: files may be left.
  checkConsecutive([0, ...numbers]);
  return { segments: [], last: null, group: 0, complete: true, highest, torn: false, leftovers: numbers };
}

/** Throws CorruptDataError if a number is missing: files are prepared one after the other, without a gap. */
function checkConsecutive(numbers: readonly number[]): void {
  const first = numbers[0] ?? 0;
  numbers.forEach((number, i) => {
    if (number !== first + i) throw new CorruptDataError(`segment ${first + i} of the log is missing`);
  });
}

type OpeningState =
  | { readonly kind: 'complete'; readonly body: SegmentBody }
  | { readonly kind: 'torn'; readonly body: SegmentBody }
  | { readonly kind: 'nothing' };

function checkOpening(cursor: RecordCursor, number: number, nodeId: string): OpeningState {
  cursor.at = 0;
  if (!cursor.isValid(number, 0) || cursor.type !== RECORD_TYPES.segment) {
    if (hasLaterGroup(cursor, number)) throw damaged(number, 0);
    return { kind: 'nothing' };
  }
  const body = decodeSegment(cursor.body);
  if (body.format !== LOG_FORMAT)
    throw new DataFormatError(`the log has format ${body.format}, not ${LOG_FORMAT}`);
  if (body.nodeId !== nodeId)
    throw new CorruptDataError(`the log belongs to ${body.nodeId}, not to ${nodeId}`);
  const group = cursor.group;
  while (cursor.at < body.openingLength) {
    if (!cursor.isValid(number, cursor.at) || cursor.group !== group) {
      if (hasLaterGroup(cursor, number)) throw damaged(number, cursor.at);
      return { kind: 'torn', body };
    }
    cursor.at += cursor.length;
  }
  return { kind: 'complete', body };
}

/** Whether a record at or after the cursor belongs to a later group than the first one of the segment. */
function hasLaterGroup(cursor: RecordCursor, number: number): boolean {
  for (const record of validRecords(cursor, number, cursor.at)) if (record.groupStart > 0) return true;
  return false;
}

/** The valid records from `from` on, also between bad bytes. */
function* validRecords(cursor: RecordCursor, number: number, from: number): Generator<RecordCursor> {
  const start = cursor.at;
  const end = contentEnd(cursor);
  for (let at = from; at < end; ) {
    cursor.at = at;
    if (cursor.isValid(number, at)) {
      yield cursor;
      at += cursor.length;
    } else {
      at += 8;
    }
  }
  cursor.at = start;
}

/** The offset after the last byte that is not zero, rounded up to a multiple of 4. Preallocated zeros follow. */
function contentEnd(cursor: RecordCursor): number {
  let end = cursor.bytes.length & ~3;
  if (end < cursor.bytes.length) return cursor.bytes.length;
  while (end > 0 && cursor.view.getUint32(end - 4) === 0) end -= 4;
  return end;
}

interface LogEnd {
  readonly group: number;
  readonly from: number;
  readonly to: number;
  readonly complete: boolean;
  readonly torn: boolean;
}

/** Reads all groups of the last segment, whose first group is complete, and finds where the log ends. */
function findEnd(cursor: RecordCursor, number: number, requiredEnd: number): LogEnd {
  cursor.at = 0;
  let group = cursor.group;
  let groupEnd = cursor.groupLength;
  let from = 0;
  while (cursor.isValid(number, cursor.at)) {
    if (cursor.group !== group) {
      const follows = cursor.group === group + 1 && cursor.groupStart === cursor.at;
      if (!follows || cursor.at !== groupEnd) throw damaged(number, cursor.at);
      group = cursor.group;
      from = cursor.at;
      groupEnd = from + cursor.groupLength;
    } else if (cursor.groupStart !== from) {
      throw damaged(number, cursor.at);
    }
    cursor.at += cursor.length;
  }
  const to = cursor.at;
  if (to < requiredEnd) throw damaged(number, to);
  return { group, from, to, complete: to === groupEnd, torn: checkTorn(cursor, number, group, to) };
}

/**
 * Whether the bytes at `to`, after valid records of `group`, are a torn group. False if there are none. Throws
 * CorruptDataError if they had been synced.
 */
function checkTorn(cursor: RecordCursor, number: number, group: number, to: number): boolean {
  let torn: number | null = null;
  for (const record of validRecords(cursor, number, to)) {
    const ofLast = record.group === group && record.groupStart <= to;
    const ofNext = record.group === group + 1 && record.groupStart === to;
    if (!ofLast && !ofNext) throw damaged(number, to);
    if (torn !== null && torn !== record.group) throw damaged(number, to);
    torn = record.group;
  }
  return torn !== null || contentEnd(cursor) > to;
}

interface ChainOptions {
  readonly disk: Disk;
  readonly paths: Paths;
  /** The numbers of all segment files, in ascending order. */
  readonly numbers: readonly number[];
  /** The newest segment that counts. */
  readonly last: number;
  /** How that segment begins, and where the log ends in it. */
  readonly body: SegmentBody;
  readonly end: LogEnd;
}

/** The segments that count before the last one, back to the oldest one that exists. */
function findChain({ disk, paths, numbers, last, body, end }: ChainOptions): Omit<FoundLog, 'highest'> {
  const segments: FoundSegment[] = [];
  // If the last segment has several groups, all but the last one are synced.
  if (end.from > 0) segments.push({ number: last, end: end.from });
  for (let next = body; next.before !== 0 && numbers.includes(next.before); ) {
    segments.unshift({ number: next.before, end: next.beforeEnd });
    next = verifySegment(readSegment(disk, paths, next.before), next.before, next.beforeEnd);
  }
  const counting = new Set(segments.map((segment) => segment.number));
  return {
    segments,
    last: { number: last, from: end.from, to: end.to },
    group: end.group,
    complete: end.complete,
    torn: end.torn,
    leftovers: numbers.filter((number) => !counting.has(number)),
  };
}

/** Verifies a segment before the last one: all of its bytes were synced. Returns how it begins. */
function verifySegment(cursor: RecordCursor, number: number, end: number): SegmentBody {
  cursor.at = 0;
  if (!cursor.isValid(number, 0) || cursor.type !== RECORD_TYPES.segment) throw damaged(number, 0);
  const body = decodeSegment(cursor.body);
  let group = cursor.group;
  while (cursor.at < end) {
    if (!cursor.isValid(number, cursor.at)) throw damaged(number, cursor.at);
    const step = cursor.group - group;
    if (step !== 0 && !(step === 1 && cursor.groupStart === cursor.at)) throw damaged(number, cursor.at);
    group = cursor.group;
    cursor.at += cursor.length;
  }
  if (cursor.at !== end) throw damaged(number, end);
  return body;
}

function damaged(number: number, at: number): CorruptDataError {
  return new CorruptDataError(
    `segment ${number} of the log is damaged at offset ${at}, in bytes that were synced`,
  );
}
