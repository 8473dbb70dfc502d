// Rows of the store as a scan meets them: encoded as its answer carries them, many in one piece of memory.

import type { Bytes } from '../../../common/base/bytes.ts';
import { encodedRowSize, encodeRow, RowWalk } from '../../../common/wire/encoded-rows.ts';
import type { KeyText } from '../rows/key-text.ts';
import { REVISION_BYTES, ROW_PREFIX_BYTES, readRevision } from './stored-keys.ts';

/** A stored key and its value; undefined where nobody wants it. */
export type StoredPair = readonly [Bytes, Bytes | undefined];

/** Consecutive rows of the store, laid, in the order of the scan. */
export interface RowBlock {
  readonly rows: Bytes;
  readonly count: number;
  /** Of keys and values. */
  readonly bytes: number;
  /** Forward: every row is below it. Null: not known. */
  readonly end: KeyText | null;
}

/** Of stored rows from index `first` on so many as take about `bytesGoal` bytes, at least one. Without `end`. */
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

/** The rows with keys in [start, end); null: no bound on that side. They share the block's memory. */
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
