// What is kept in memory of the state store, by key and in the order of keys, within one bound: each of the two may have what
// the other does not use, and has half of it in any case.

import { LeafCache } from './leaf-cache.ts';
import { RowCache } from './row-cache.ts';

export class Caches {
  readonly rows: RowCache;
  readonly leaves: LeafCache;
  readonly #bytesMax: number;

  /** @param bytesMax of both together; 0: nothing is kept */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    const share = (): void => this.#share();
    this.rows = new RowCache(bytesMax, share);
    this.leaves = new LeafCache(bytesMax, share);
  }

  clear(): void {
    this.rows.clear();
    this.leaves.clear();
  }

  /** Where there is too much, that one gives way which has more than half. */
  #share(): void {
    const { rows, leaves } = this;
    while (rows.bytes + leaves.bytes > this.#bytesMax) {
      if (rows.bytes > this.#bytesMax / 2) rows.dropOldest();
      else leaves.evict();
    }
  }
}
