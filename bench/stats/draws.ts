// Random numbers of a load, from a seed: every contender gets the same sequence of keys, and a run can be repeated. Keys are drawn
// as in YCSB: uniform; zipfian, with the popular keys scattered over the key space; or latest, where the newest keys are popular. The
// zipfian draw is the one of Gray et al., "Quickly generating billion-record synthetic databases" (SIGMOD 1994), as in YCSB. Its
// constant for n items is summed up once.

import { assert } from '../../common/base/assert.ts';

/** Returns the next random number in [0, 1). */
export type Random = () => number;

/** Mulberry32, which costs almost nothing. `seed` is taken modulo 2^32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const YCSB_THETA = 0.99;

export class Zipf {
  readonly #theta: number;
  #items = 0;
  #zeta = 0;
  #eta = 0;

  /** Ranks from 0 to `items` - 1; rank 0 is the most popular. */
  constructor(items: number, theta: number = YCSB_THETA) {
    assert(items >= 1 && theta > 0 && theta < 1, 'a zipfian draw has items and an exponent below 1');
    this.#theta = theta;
    this.grow(items);
  }

  /** Adds the ranks up to `items` - 1. */
  grow(items: number): void {
    for (let rank = this.#items + 1; rank <= items; rank++) this.#zeta += 1 / rank ** this.#theta;
    this.#items = items;
    const two = 1 + 0.5 ** this.#theta;
    this.#eta = items < 3 ? 0 : (1 - (2 / items) ** (1 - this.#theta)) / (1 - two / this.#zeta);
  }

  next(random: Random): number {
    const draw = random();
    const scaled = draw * this.#zeta;
    if (scaled < 1 || this.#items === 1) return 0;
    if (scaled < 1 + 0.5 ** this.#theta || this.#items === 2) return 1;
    const rank = Math.floor(this.#items * (this.#eta * draw - this.#eta + 1) ** (1 / (1 - this.#theta)));
    return Math.min(rank, this.#items - 1);
  }
}

/** The place of a rank among `items` keys, by a hash (FNV-1a): always the same place, and popular ranks are far from each other. */
export function scatter(rank: number, items: number): number {
  let hash = 0x811c9dc5;
  for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((rank >>> shift) & 0xff), 0x01000193);
  return (hash >>> 0) % items;
}
