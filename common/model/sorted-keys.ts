// Sorted keys to be searched often, such as the starts of all ranges: a client looks one up for each request. What follows
// the part that all of them share is kept as numbers, side by side, so that a search reads a few lines of memory where
// the keys themselves would be a visit to another object at each step.

import { type Bytes, compareBytes } from '../base/bytes.ts';

/** So many bytes make a whole number that a double holds. */
const HEAD_BYTES = 6;

export class SortedKeys {
  readonly #keys: readonly Bytes[];
  /** The first keys, which are empty. */
  readonly #empty: number;
  /** All others begin with the same so many bytes. */
  readonly #shared: number;
  /** Of each, what comes then: rises with the keys, though not always from key to key. */
  readonly #heads: Float64Array;

  /** @param keys in order */
  constructor(keys: readonly Bytes[]) {
    this.#keys = keys;
    const found = keys.findIndex((key) => key.length > 0);
    this.#empty = found < 0 ? keys.length : found;
    this.#shared = sharedLength(keys[this.#empty], keys.at(-1));
    this.#heads = Float64Array.from(keys, (key) => headOf(key, this.#shared));
  }

  /** Index of the last key that is not above `key`; -1: all are. */
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

  /** Where `key` is among keys that begin with the shared bytes, if these tell it: negative before them, positive behind them. */
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

/** Of sorted keys the first and the last differ first. */
function sharedLength(first: Bytes | undefined, last: Bytes | undefined): number {
  if (first === undefined || last === undefined) return 0;
  const most = Math.min(first.length, last.length);
  let length = 0;
  while (length < most && first[length] === last[length]) length++;
  return length;
}

/** The bytes from `from` on as a number, as if zeros followed the last. */
function headOf(key: Bytes, from: number): number {
  let head = 0;
  for (let i = from; i < from + HEAD_BYTES; i++)
    head = head * 256 + (i < key.length ? (key[i] as number) : 0);
  return head;
}
