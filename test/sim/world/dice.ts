// Random numbers that depend on one seed only.

import { type Rng, seededRng } from '../../support/rng.ts';

export class Dice {
  readonly rng: Rng;

  constructor(seed: number) {
    this.rng = seededRng(seed);
  }

  random(): number {
    return this.rng.below(2 ** 32) / 2 ** 32;
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.random() * (to - from);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }
}
