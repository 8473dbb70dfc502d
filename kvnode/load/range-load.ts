// What a range is asked on this node. Each request only adds to counters; once a second they become rates, which decay over ten seconds.

import type { Bytes } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import { KeySamples } from './key-samples.ts';

/** The rates are means in which a second counts the less the older it is: a third after so long, ms. */
const DECAY_MS = 10_000;

/** A second. */
export interface LoadRates {
  readonly reads: number;
  readonly writes: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

const NO_RATES: LoadRates = { reads: 0, writes: 0, bytesIn: 0, bytesOut: 0 };

export class RangeLoad {
  // Since the last fold.
  #reads = 0;
  #writes = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #toPass = 0;
  #samples: KeySamples;
  readonly #env: Pick<Env, 'now' | 'random'>;
  #begunAt: number;
  #foldedAt: number;
  /** Decayed sums; the true means are these divided by the weight, which is less than one in the first seconds. */
  #sums: LoadRates = NO_RATES;
  #weight = 0;

  constructor(env: Pick<Env, 'now' | 'random'>) {
    this.#env = env;
    this.#samples = new KeySamples(env);
    this.#begunAt = env.now();
    this.#foldedAt = this.#begunAt;
  }

  /** Begins anew. A follower that becomes the owner would else report rates that rise for ten seconds. */
  restart(): void {
    this.#begunAt = this.#env.now();
    this.#foldedAt = this.#begunAt;
    this.#sums = NO_RATES;
    this.#weight = 0;
    this.#clear();
    this.#toPass = 0;
    this.#samples = new KeySamples(this.#env);
  }

  /** How long the rates were counted when they were last folded, ms. */
  get forMs(): number {
    return this.#foldedAt - this.#begunAt;
  }

  countRead(key: Bytes, bytesOut: number): void {
    this.#reads++;
    this.#bytesOut += bytesOut;
    if (--this.#toPass < 0) this.#toPass = this.#samples.add(key);
  }

  countWrite(key: Bytes, bytesIn: number): void {
    this.#writes++;
    this.#bytesIn += bytesIn;
    if (--this.#toPass < 0) this.#toPass = this.#samples.add(key);
  }

  /** To be called about once a second. */
  fold(now: number): void {
    const ms = now - this.#foldedAt;
    if (ms <= 0) return;
    this.#foldedAt = now;
    const keep = Math.exp(-ms / DECAY_MS);
    const add = ((1 - keep) * 1_000) / ms;
    const { reads, writes, bytesIn, bytesOut } = this.#sums;
    this.#sums = {
      reads: reads * keep + this.#reads * add,
      writes: writes * keep + this.#writes * add,
      bytesIn: bytesIn * keep + this.#bytesIn * add,
      bytesOut: bytesOut * keep + this.#bytesOut * add,
    };
    this.#weight = this.#weight * keep + (1 - keep);
    this.#samples.fold(((this.#reads + this.#writes) * 1_000) / ms);
    this.#clear();
  }

  #clear(): void {
    this.#reads = 0;
    this.#writes = 0;
    this.#bytesIn = 0;
    this.#bytesOut = 0;
  }

  get rates(): LoadRates {
    if (this.#weight === 0) return NO_RATES;
    const { reads, writes, bytesIn, bytesOut } = this.#sums;
    const by = 1 / this.#weight;
    return { reads: reads * by, writes: writes * by, bytesIn: bytesIn * by, bytesOut: bytesOut * by };
  }

  /** Keys that were asked for lately, in no particular order, as often as they were sampled. */
  get samples(): readonly Bytes[] {
    return this.#samples.keys;
  }
}
