// What is kept in memory of the state store, by key and in the order of keys, within one bound. The one gives way to the other
// that was of less use lately, a byte for a byte: after a load of gets a scan finds its rows in memory, and the other way
// round, while a scan of what nobody reads again takes little from the gets beside it.

import { LeafCache } from './leaf-cache.ts';
import { RowCache } from './row-cache.ts';

/** Each may keep so much of the bound in any case, to show what it is good for. */
const SHARE_MIN = 1 / 8;
/** A leaf read from the store costs as much as so many rows read by key. */
const LEAF_HIT_WEIGHT = 8;
/** Uses are weighed anew after so many of them; what was before counts half. */
const DECAY_AFTER = 10_000;

export class Caches {
  readonly rows: RowCache;
  readonly leaves: LeafCache;
  readonly #bytesMax: number;
  readonly #rowsUse: RecentUse;
  readonly #leavesUse: RecentUse;

  /** @param bytesMax of both together; 0: nothing is kept */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    const onGrown = (): void => this.#enforceLimit();
    this.rows = new RowCache(bytesMax, onGrown);
    this.leaves = new LeafCache(bytesMax, onGrown);
    this.#rowsUse = new RecentUse(this.rows, 1);
    this.#leavesUse = new RecentUse(this.leaves, LEAF_HIT_WEIGHT);
  }

  clear(): void {
    this.rows.clear();
    this.leaves.clear();
  }

  #enforceLimit(): void {
    const { rows, leaves } = this;
    while (rows.bytes + leaves.bytes > this.#bytesMax) {
      if (this.#shouldDropRows()) rows.dropOldest();
      else leaves.evict();
    }
  }

  /** Where neither is of more use, the larger one. */
  #shouldDropRows(): boolean {
    const { rows, leaves } = this;
    if (this.#rowsUse.recent + this.#leavesUse.recent >= DECAY_AFTER) {
      this.#rowsUse.decay();
      this.#leavesUse.decay();
    }
    const least = this.#bytesMax * SHARE_MIN;
    if (rows.bytes <= least) return false;
    if (leaves.bytes <= least) return true;
    const more = this.#rowsUse.scorePerByte - this.#leavesUse.scorePerByte;
    return more === 0 ? rows.bytes > leaves.bytes : more < 0;
  }
}

/** What one of the two was good for lately. */
class RecentUse {
  readonly #cache: RowCache | LeafCache;
  readonly #hitWeight: number;
  #hitsBefore = 0;
  #score = 0;

  /** @param hitWeight of one hit */
  constructor(cache: RowCache | LeafCache, hitWeight: number) {
    this.#cache = cache;
    this.#hitWeight = hitWeight;
  }

  /** Since the last `decay`. */
  get recent(): number {
    return (this.#cache.hits - this.#hitsBefore) * this.#hitWeight;
  }

  get scorePerByte(): number {
    return this.#score / Math.max(1, this.#cache.bytes);
  }

  decay(): void {
    this.#score = (this.#score + this.recent) / 2;
    this.#hitsBefore = this.#cache.hits;
  }
}
