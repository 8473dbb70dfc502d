// What is kept in memory of the state store, by key and in the order of keys, within one bound. The one gives way to the other
// that was of less use lately, a byte for a byte: after a load of gets a scan finds its rows in memory, and the other way
// round, while a scan of what nobody reads again takes little from the gets beside it.

import { LeafCache } from './leaf-cache.ts';
import { RowCache } from './row-cache.ts';

/** Each may keep so much of the bound in any case, to show what it is good for. */
const SHARE_MIN = 1 / 8;
/** A leaf read from the store costs as much as so many rows read by key. */
const LEAF_WORTH = 8;
/** Uses are weighed anew after so many of them; what was before counts half. */
const WEIGHED_AFTER = 10_000;

export class Caches {
  readonly rows: RowCache;
  readonly leaves: LeafCache;
  readonly #bytesMax: number;
  readonly #rowsUse: Use;
  readonly #leavesUse: Use;

  /** @param bytesMax of both together; 0: nothing is kept */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    const share = (): void => this.#share();
    this.rows = new RowCache(bytesMax, share);
    this.leaves = new LeafCache(bytesMax, share);
    this.#rowsUse = new Use(this.rows, 1);
    this.#leavesUse = new Use(this.leaves, LEAF_WORTH);
  }

  clear(): void {
    this.rows.clear();
    this.leaves.clear();
  }

  #share(): void {
    const { rows, leaves } = this;
    while (rows.bytes + leaves.bytes > this.#bytesMax) {
      if (this.#rowsGiveWay()) rows.dropOldest();
      else leaves.evict();
    }
  }

  /** Where neither is of more use, the larger one. */
  #rowsGiveWay(): boolean {
    const { rows, leaves } = this;
    if (this.#rowsUse.fresh + this.#leavesUse.fresh >= WEIGHED_AFTER) {
      this.#rowsUse.weigh();
      this.#leavesUse.weigh();
    }
    const least = this.#bytesMax * SHARE_MIN;
    if (rows.bytes <= least) return false;
    if (leaves.bytes <= least) return true;
    const more = this.#rowsUse.perByte - this.#leavesUse.perByte;
    return more === 0 ? rows.bytes > leaves.bytes : more < 0;
  }
}

/** What one of the two was good for lately. */
class Use {
  readonly #cache: RowCache | LeafCache;
  readonly #worth: number;
  #hitsBefore = 0;
  #use = 0;

  /** @param worth of one hit */
  constructor(cache: RowCache | LeafCache, worth: number) {
    this.#cache = cache;
    this.#worth = worth;
  }

  /** Since the last `weigh`. */
  get fresh(): number {
    return (this.#cache.hits - this.#hitsBefore) * this.#worth;
  }

  get perByte(): number {
    return this.#use / Math.max(1, this.#cache.bytes);
  }

  weigh(): void {
    this.#use = (this.#use + this.fresh) / 2;
    this.#hitsBefore = this.#cache.hits;
  }
}
