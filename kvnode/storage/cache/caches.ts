// The caches of the state store: rows by key, and leaves of rows in key order for scans. They share one bound in bytes.
// The one with fewer recent hits per byte shrinks first. So a scan after many gets finds space, and the other way
// round, while a scan of rows that are not read again takes little from the gets.

import { LeafCache } from './leaf-cache.ts';
import { RowCache } from './row-cache.ts';

/** The share of the bound that each may always keep, so that it can earn hits. */
const SHARE_MIN = 1 / 8;
/** Reading a leaf from the store costs as much as reading this many rows by key. */
const LEAF_HIT_WEIGHT = 8;
/** After this many hits the scores are updated. Older hits count half then. */
const DECAY_AFTER = 10_000;

export class Caches {
  readonly rows: RowCache;
  readonly leaves: LeafCache;
  readonly #bytesMax: number;
  readonly #rowsUse: RecentUse;
  readonly #leavesUse: RecentUse;

  /** @param bytesMax of both together, bytes; 0: nothing is cached */
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

  /** Whether rows are dropped rather than leaves. If the scores are equal, the larger cache shrinks. */
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

/** The recent hits of one cache. */
class RecentUse {
  readonly #cache: RowCache | LeafCache;
  readonly #hitWeight: number;
  #hitsBefore = 0;
  #score = 0;

  /** @param hitWeight how much one hit counts */
  constructor(cache: RowCache | LeafCache, hitWeight: number) {
    this.#cache = cache;
    this.#hitWeight = hitWeight;
  }

  /** Weighted hits since the last `decay`. */
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
