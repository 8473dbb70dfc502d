// A cursor says where the next page of a scan begins. It is text that is safe in a URL. It holds a digest of the scan's bounds and
// direction, so that a cursor of another scan is refused.
//
//   cursor = base64url(version: 1 byte, digest: 8 bytes, at: the bound up to which the scan is complete)

import { createHash } from 'node:crypto';
import type { Bytes } from '../common/base/bytes.ts';
import { LIMITS } from '../common/model/config.ts';
import type { KeyRange } from '../common/model/key-range.ts';
import { invalid, shown } from './arguments.ts';

const VERSION = 1;
const DIGEST_BYTES = 8;
const HEAD_BYTES = 1 + DIGEST_BYTES;

/** @param at forward: the first key that the next page may hold; reverse: the exclusive end of what remains */
export function encodeCursor(bounds: KeyRange, reverse: boolean, at: Bytes): string {
  return Buffer.concat([Buffer.of(VERSION), digest(bounds, reverse), at]).toString('base64url');
}

/** The `at` of a cursor. Throws INVALID_ARGUMENT if the text is not a cursor, or is one of another scan. */
export function decodeCursor(cursor: string, bounds: KeyRange, reverse: boolean): Bytes {
  if (typeof cursor !== 'string') invalid(`a cursor is text, not ${shown(cursor)}`);
  const bytes = Buffer.from(cursor, 'base64url');
  const fits = bytes.length >= HEAD_BYTES && bytes.length <= HEAD_BYTES + LIMITS.keyBytesMax + 1;
  // Node leaves out what is not base64, so other text may give the same bytes.
  if (bytes[0] !== VERSION || !fits || bytes.toString('base64url') !== cursor) invalid('not a cursor');
  if (!bytes.subarray(1, HEAD_BYTES).equals(digest(bounds, reverse)))
    invalid('the cursor belongs to a scan with other bounds or another direction');
  return bytes.subarray(HEAD_BYTES);
}

function digest({ start, end }: KeyRange, reverse: boolean): Buffer {
  const hash = createHash('sha256')
    .update(`${reverse} ${end !== null} ${start.length}.`)
    .update(start);
  if (end !== null) hash.update(end);
  return hash.digest().subarray(0, DIGEST_BYTES);
}
