// Intervals of keys, `[start, end)`. An empty start is the first key. A null end means unbounded; an empty end never does.

import { type Bytes, compareBytes, emptyBytes, equalBytes, formatBytes } from '../base/bytes.ts';

export interface KeyRange {
  readonly start: Bytes;
  readonly end: Bytes | null;
}

export const wholeKeySpace: KeyRange = { start: emptyBytes, end: null };

export function contains(range: KeyRange, key: Bytes): boolean {
  return compareBytes(range.start, key) <= 0 && isBefore(key, range.end);
}

/** Whether `key` is below the end. Every key is below null. */
export function isBefore(key: Bytes, end: Bytes | null): boolean {
  return end === null || compareBytes(key, end) < 0;
}

/** Order of range ends: null is the greatest. */
export function compareEnds(a: Bytes | null, b: Bytes | null): number {
  if (a === null) return b === null ? 0 : 1;
  return b === null ? -1 : compareBytes(a, b);
}

export function sameBounds(a: KeyRange, b: KeyRange): boolean {
  return equalBytes(a.start, b.start) && compareEnds(a.end, b.end) === 0;
}

export function isEmpty(range: KeyRange): boolean {
  return range.end !== null && compareBytes(range.start, range.end) >= 0;
}

export function overlaps(a: KeyRange, b: KeyRange): boolean {
  return isBefore(a.start, b.end) && isBefore(b.start, a.end);
}

/** The keys that are in both. The result may be empty. */
export function intersect(a: KeyRange, b: KeyRange): KeyRange {
  return {
    start: compareBytes(a.start, b.start) >= 0 ? a.start : b.start,
    end: compareEnds(a.end, b.end) <= 0 ? a.end : b.end,
  };
}

/** For people: `[a, m)`, with `∞` for an unbounded end. */
export function formatKeyRange(range: KeyRange): string {
  return `[${formatBytes(range.start)}, ${range.end === null ? '∞' : formatBytes(range.end)})`;
}
