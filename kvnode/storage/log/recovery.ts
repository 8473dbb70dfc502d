// Reading the log back at start (docs/storage.md#recovery, R12). Two questions come first, and only checksums and group numbers
// answer them:
//
// - Which segments count? The newest one whose opening group is whole, the one it names as before it up to the end it
//   names, and so on back. A newer file without a whole opening was never synced.
// - Where does the log end? At the first bad record of the last segment. If that is inside the last group that was written,
//   the group is torn: it was never synced, what follows is cut. But if a later group has left a record, the bad bytes were
//   synced once: corruption, and so is any bad byte of an earlier segment.
//
// What is good of the last group may have been synced or not; the caller writes it into a new segment and syncs it before
// anything counts.

import { emptyBytes } from '../../../common/base/bytes.ts';
import { CorruptDataError, DataFormatError } from '../data-errors.ts';
import type { Disk } from '../disk.ts';
import { type Paths, parseSegmentName, segmentPath } from '../files.ts';
import { decodeSegment, LOG_FORMAT, type SegmentBody } from './bodies.ts';
import { RECORD_TYPES, RecordCursor } from './record.ts';

/** A segment that counts, up to `end`. */
export interface FoundSegment {
  readonly number: number;
  readonly end: number;
}

export interface FoundLog {
  /** Oldest first; all of their groups are synced. */
  readonly segments: readonly FoundSegment[];
  /** The segment with the last group, and where what is good of it stands; null where there is no log. */
  readonly last: { readonly number: number; readonly from: number; readonly to: number } | null;
  /** The last group's number; 0 where there is no log. */
  readonly group: number;
  /** Whether all of the last group is there. */
  readonly whole: boolean;
  /** The highest number of any file, counting or not. */
  readonly highest: number;
  /** Bytes of the torn group that were cut, if any: for the log line. */
  readonly torn: boolean;
  /** Files that count for nothing. */
  readonly leftovers: readonly number[];
}

export function listSegments(disk: Disk, paths: Paths): number[] {
  const numbers = disk.list(paths.log).map(parseSegmentName);
  return numbers.filter((number) => number !== null).sort((a, b) => a - b);
}

export function readSegment(disk: Disk, paths: Paths, number: number): RecordCursor {
  return new RecordCursor(disk.read(segmentPath(paths, number)) ?? emptyBytes);
}

/** Finds the log of node `nodeId`. Throws CorruptDataError (R12). */
export function findLog(disk: Disk, paths: Paths, nodeId: string): FoundLog {
  const numbers = listSegments(disk, paths);
  const highest = numbers.at(-1) ?? 0;
  /** What a newer segment, not whole, says of the one before it: it was synced through there. */
  let requiredEnd: { readonly number: number; readonly end: number } | null = null;
  for (const number of numbers.toReversed()) {
    const cursor = readSegment(disk, paths, number);
    const opening = checkOpening(cursor, number, nodeId);
    if (opening.kind === 'whole') {
      const reach = requiredEnd?.number === number ? requiredEnd.end : 0;
      const tail = findEnd(cursor, number, reach);
      checkConsecutive(numbers.slice(numbers.indexOf(number)));
      return { ...segmentChain(disk, paths, numbers, number, opening.body, tail), highest };
    }
    if (opening.kind === 'torn') requiredEnd = { number: opening.body.before, end: opening.body.beforeEnd };
  }
  if (requiredEnd !== null && requiredEnd.number !== 0) {
    throw new CorruptDataError(`segment ${requiredEnd.number} of the log is lost or damaged`);
  }
  // What the first start of this node left when it was killed before it had begun its log.
  checkConsecutive([0, ...numbers]);
  return { segments: [], last: null, group: 0, whole: true, highest, torn: false, leftovers: numbers };
}

/** After the newest segment that counts come only files that were prepared to follow it, one after the other. */
function checkConsecutive(numbers: readonly number[]): void {
  const first = numbers[0] ?? 0;
  numbers.forEach((number, i) => {
    if (number !== first + i) throw new CorruptDataError(`segment ${first + i} of the log is missing`);
  });
}

type OpeningState =
  | { readonly kind: 'whole'; readonly body: SegmentBody }
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
    throw new CorruptDataError(`the log is that of ${body.nodeId}, not of ${nodeId}`);
  const group = cursor.group;
  while (cursor.at < body.openingLength) {
    if (!cursor.isValid(number, cursor.at) || cursor.group !== group) {
      if (hasLaterGroup(cursor, number)) throw damaged(number, cursor.at);
      return { kind: 'torn', body };
    }
    cursor.at += cursor.length;
  }
  return { kind: 'whole', body };
}

/** Whether any record after the cursor belongs to a group that is not the opening one. */
function hasLaterGroup(cursor: RecordCursor, number: number): boolean {
  for (const record of validRecords(cursor, number, cursor.at)) if (record.groupStart > 0) return true;
  return false;
}

/** Valid records from `from` on, wherever they stand between bad bytes. */
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

/** After the last byte that is not zero, rounded up: what was preallocated and never written follows. */
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
  readonly whole: boolean;
  readonly torn: boolean;
}

/** Walks all groups of the last segment, whose opening is whole. */
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
  return { group, from, to, whole: to === groupEnd, torn: checkTorn(cursor, number, group, to) };
}

/** Whether bad bytes at `to`, after good records of `group`, are a torn end; throws if they were synced once. */
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

/** The segments that count before the last one, back to the first that is still there. */
function segmentChain(
  disk: Disk,
  paths: Paths,
  numbers: readonly number[],
  last: number,
  body: SegmentBody,
  tail: LogEnd,
): Omit<FoundLog, 'highest'> {
  const segments: FoundSegment[] = [];
  // The last segment counts up to its last group, if it has another one.
  if (tail.from > 0) segments.push({ number: last, end: tail.from });
  for (let next = body; next.before !== 0 && numbers.includes(next.before); ) {
    segments.unshift({ number: next.before, end: next.beforeEnd });
    next = checkWhole(readSegment(disk, paths, next.before), next.before, next.beforeEnd);
  }
  const counting = new Set(segments.map((segment) => segment.number));
  return {
    segments,
    last: { number: last, from: tail.from, to: tail.to },
    group: tail.group,
    whole: tail.whole,
    torn: tail.torn,
    leftovers: numbers.filter((number) => !counting.has(number)),
  };
}

/** Every byte of a segment before the last one was synced: each must be good. Answers how the segment begins. */
function checkWhole(cursor: RecordCursor, number: number, end: number): SegmentBody {
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
  return new CorruptDataError(`segment ${number} of the log is damaged at ${at}, in what was synced`);
}
