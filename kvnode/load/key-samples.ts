// Keys of a range that were read or written lately, 32 at most: where a split would part the load. Which requests are sampled is drawn at
// random, as often as replaces all samples once in ten seconds. So what a range is asked costs next to nothing, however busy it is.

import type { Bytes } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import { LOAD_LIMITS } from '../../common/model/load.ts';

/** How long it takes until all samples have been replaced, about, ms. */
export const SAMPLED_MS = 10_000;
/** A sample that is older does not count: hardly anything is asked of the range. */
const SAMPLE_MS_MAX = 3 * SAMPLED_MS;

interface Sample {
  readonly key: Bytes;
  readonly at: number;
}

export class KeySamples {
  readonly #env: Pick<Env, 'now' | 'random'>;
  readonly #samples: Sample[] = [];
  /** On average one of so many requests is sampled. */
  #interval = 1;
  #addedSinceFold = 0;

  constructor(env: Pick<Env, 'now' | 'random'>) {
    this.#env = env;
  }

  /**
   * Takes the key of a request.
   * @returns how many requests to pass over until the next one is sampled
   */
  add(key: Bytes): number {
    const { samplesMax, sampleBytesMax } = LOAD_LIMITS;
    const sample = { key: Uint8Array.from(key.subarray(0, sampleBytesMax)), at: this.#env.now() };
    const full = this.#samples.length >= samplesMax;
    this.#samples[full ? Math.floor(this.#env.random() * samplesMax) : this.#samples.length] = sample;
    // Suddenly there are many more requests than in the seconds before.
    if (++this.#addedSinceFold % samplesMax === 0) this.#interval *= 2;
    return Math.floor(this.#env.random() * (2 * this.#interval - 1));
  }

  /** @param perSecond requests a second lately */
  fold(perSecond: number): void {
    this.#addedSinceFold = 0;
    this.#interval = Math.max(1, ((perSecond / 1_000) * SAMPLED_MS) / LOAD_LIMITS.samplesMax);
    const oldest = this.#env.now() - SAMPLE_MS_MAX;
    for (let at = this.#samples.length - 1; at >= 0; at--) {
      if ((this.#samples[at]?.at ?? oldest) <= oldest) this.#samples.splice(at, 1);
    }
  }

  /** In no particular order, as often as they were sampled. */
  get keys(): readonly Bytes[] {
    return this.#samples.map(({ key }) => key);
  }
}
