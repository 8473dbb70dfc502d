// Sorted keys for frequent binary searches, such as the starts of all ranges: a client searches them at each request. The first
// bytes behind the common prefix are kept as numbers in one array. So a search reads little memory, where it would otherwise visit
// another object at each step.

import { type Bytes, compareBytes } from '../base/bytes.ts';

/** A double holds an integer of this many bytes exactly. */
const HEAD_BYTES = 6;

export class SortedKeys {
  readonly #keys: readonly Bytes[];
  /** How many keys are empty. They come first. */
  readonly #empty: number;
  /** The length of the prefix that all other keys have in common. */
  readonly #shared: number;
  /** For each key the bytes behind the prefix, as a number. They never fall from key to key, but may be equal. */
  readonly #heads: Float64Array;

  /** @param keys in order */
  constructor(keys: readonly Bytes[]) {
    this.#keys = keys;
    const found = keys.findIndex((key) => key.length > 0);
    this.#empty = found < 0 ? keys.length : found;
    this.#shared = sharedLength(keys[this.#empty], keys.at(-1));
    this.#heads = Float64Array.from(keys, (key) => headOf(key, this.#shared));
  }

  /** Index of the last key that is not greater than `key`; -1: all are greater. */
  lastAtOrBelow(key: Bytes): number {
    const order = this.#compareShared(key);
    if (order !== 0) return order < 0 ? this.#empty - 1 : this.#keys.length - 1;
    const head = headOf(key, this.#shared);
    let low = this.#empty;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = this.#heads[middle] as number;
      if (found < head || (found === head && compareBytes(this.#keys[middle] as Bytes, key) <= 0))
        low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /**
   * Compares `key` with the common prefix: negative or positive if it sorts before or behind all keys with the prefix, 0
   * otherwise.
   */
  #compareShared(key: Bytes): number {
    const first = this.#keys[this.#empty];
    if (first === undefined) return 1;
    const length = Math.min(this.#shared, key.length);
    for (let i = 0; i < length; i++) {
      const difference = (key[i] as number) - (first[i] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

/** The length of the prefix that all keys from the first to the last have in common: keys between two have no less. */
function sharedLength(first: Bytes | undefined, last: Bytes | undefined): number {
  if (first === undefined || last === undefined) return 0;
  const most = Math.min(first.length, last.length);
  let length = 0;
  while (length < most && first[length] === last[length]) length++;
  return length;
}

/** The bytes from `from` on as a number. Missing bytes count as zeros. */
function headOf(key: Bytes, from: number): number {
  let head = 0;
  for (let i = from; i < from + HEAD_BYTES; i++)
    head = head * 256 + (i < key.length ? (key[i] as number) : 0);
  return head;
}
