// The forms of keys for lookups: strings of one character per byte, which engines compare fastest and whose order is
// that of unsigned bytes; and hashes. Index reads here are cast, not checked: these loops are hot.

import type { Bytes } from '../../../common/base/bytes.ts';

/** A key as a string of one character per byte. */
export type KeyText = string;

let scratch = Buffer.allocUnsafe(256);

export function keyText(key: Bytes): KeyText {
  if (key.length > scratch.length) scratch = Buffer.allocUnsafe(2 * key.length);
  scratch.set(key);
  return scratch.toString('latin1', 0, key.length);
}

/** Index of the first one of the sorted `keys` that is not below `key`. */
export function lowerBound(keys: readonly KeyText[], key: KeyText): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as KeyText) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a, 32 bits. Keys with equal hashes are easy to make, so a caller must bound the cost of collisions. */
export function keyHash(key: Bytes, seed = 0): number {
  let hash = FNV_BASIS ^ seed;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ (key[i] as number), FNV_PRIME);
  return hash ^ (hash >>> 15);
}

/** The hash of the key that the text stands for. */
export function textHash(text: KeyText, seed = 0): number {
  let hash = FNV_BASIS ^ seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash ^ (hash >>> 15);
}
