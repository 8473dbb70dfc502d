// Keys in the forms in which they are looked up: as strings of one character per byte, which engines compare fastest and
// whose order is that of unsigned bytes, and as hashes.

import type { Bytes } from '../../../common/base/bytes.ts';

/** A key as a string of one character per byte. */
export type KeyText = string;

let scratch = Buffer.allocUnsafe(256);

export function keyText(key: Bytes): KeyText {
  if (key.length > scratch.length) scratch = Buffer.allocUnsafe(2 * key.length);
  scratch.set(key);
  return scratch.toString('latin1', 0, key.length);
}

/** Index of the first of the sorted `keys` that is not below `key`. */
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

/** FNV-1a, 32 bits. Anybody can make keys of one hash: whoever uses it bounds what that costs. */
export function keyHash(key: Bytes, seed = 0): number {
  let hash = FNV_BASIS ^ seed;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ (key[i] as number), FNV_PRIME);
  return hash ^ (hash >>> 15);
}

/** That of the key which the text is. */
export function textHash(text: KeyText, seed = 0): number {
  let hash = FNV_BASIS ^ seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash ^ (hash >>> 15);
}
