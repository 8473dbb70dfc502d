// Blocks of consecutive rows of the store, encoded as the answer to a scan carries them, in one buffer.

import type { Bytes } from '../../../common/base/bytes.ts';
import { encodedRowSize, encodeRow, RowWalk } from '../../../common/wire/encoded-rows.ts';
import type { KeyText } from '../rows/key-text.ts';
import { REVISION_BYTES, ROW_PREFIX_BYTES, readRevision } from './stored-keys.ts';

/** A stored key and its value. The value is undefined if it is not needed. */
export type StoredPair = readonly [Bytes, Bytes | undefined];

/** Consecutive encoded rows of the store, in the order of the scan. */
export interface RowBlock {
  readonly rows: Bytes;
  readonly count: number;
  /** Bytes of keys and values, as they are in `rows`. */
  readonly bytes: number;
  /** Forward: the keys of all rows are below it. Null if that is not known. */
  readonly end: KeyText | null;
}

/** Encodes the stored rows from index `first` on: about `bytesGoal` bytes, at least one row. The block has no `end`. */
export function encodeBlock(pairs: readonly StoredPair[], first: number, bytesGoal: number): RowBlock {
  let size = 0;
  let last = first;
  for (; last < pairs.length && size < bytesGoal; last++) size += encodedPairSize(pairs[last] as StoredPair);
  const rows = Buffer.allocUnsafeSlow(size);
  let at = 0;
  let bytes = 0;
  for (let i = first; i < last; i++) {
    const [key, stored] = pairs[i] as StoredPair;
    bytes += key.length - ROW_PREFIX_BYTES;
    if (stored === undefined) {
      at = encodeRow(rows, at, key, ROW_PREFIX_BYTES, key, key.length, 0);
      continue;
    }
    bytes += stored.length - REVISION_BYTES;
    at = encodeRow(rows, at, key, ROW_PREFIX_BYTES, stored, REVISION_BYTES, readRevision(stored));
  }
  return { rows, count: last - first, bytes, end: null };
}

function encodedPairSize([key, stored]: StoredPair): number {
  const keyLength = key.length - ROW_PREFIX_BYTES;
  if (stored === undefined) return encodedRowSize(keyLength, 0, 0);
  return encodedRowSize(keyLength, stored.length - REVISION_BYTES, readRevision(stored));
}

/**
 * The rows with at most `max` bytes of each value. A row that is cut has the length of the complete value. It is the same block if no
 * value is longer.
 */
export function cutBlock(block: RowBlock, max: number): RowBlock {
  const longest = longestValue(block.rows);
  if (longest <= max) return block;
  const { count, end } = block;
  const walk = new RowWalk(block.rows);
  const rows = Buffer.allocUnsafeSlow(cutSize(block.rows, max));
  let at = 0;
  let bytes = 0;
  while (walk.next()) {
    const value = walk.value(max);
    const cutFrom = value.length < walk.valueLength ? walk.valueLength : 0;
    at = encodeRow(rows, at, walk.key, 0, value, 0, walk.revision, cutFrom);
    bytes += walk.keyLength + value.length;
  }
  return { rows, count, bytes, end };
}

function longestValue(rows: Bytes): number {
  const walk = new RowWalk(rows);
  let longest = 0;
  while (walk.next()) longest = Math.max(longest, walk.valueLength);
  return longest;
}

function cutSize(rows: Bytes, max: number): number {
  const walk = new RowWalk(rows);
  let size = 0;
  while (walk.next()) {
    const cut = Math.min(walk.valueLength, max);
    size += encodedRowSize(walk.keyLength, cut, walk.revision, cut < walk.valueLength ? walk.valueLength : 0);
  }
  return size;
}

/** The rows with keys in [start, end). Null means no bound on that side. They share the buffer of the block. */
export function sliceBlock(block: RowBlock, start: Bytes | null, end: Bytes | null): RowBlock {
  const { rows } = block;
  if (start === null && end === null) return { rows, count: block.count, bytes: block.bytes, end: block.end };
  const walk = new RowWalk(rows);
  let from = -1;
  let to = rows.length;
  let count = 0;
  let bytes = 0;
  while (walk.next()) {
    if (from < 0 && start !== null && walk.compareKey(start) < 0) continue;
    if (end !== null && walk.compareKey(end) >= 0) {
      to = walk.at;
      break;
    }
    if (from < 0) from = walk.at;
    count++;
    bytes += walk.keyLength + walk.valueLength;
  }
  return { rows: rows.subarray(from < 0 ? to : from, to), count, bytes, end: block.end };
}
