// How fast a node does work that has time: it sends snapshots, and reads its own rows to verify them. Whoever writes and reads
// meanwhile has not: work that goes as fast as it can keeps a small machine so busy that writes wait for a core at each step of
// their way. So while clients are served, pieces of work are done at a rate, one at a time instead of in bursts; that rate
// is also the least, so that the work ends whatever else there is to do.

import { delay, type Env } from '../common/base/env.ts';
import type { StorageStats } from './storage/storage.ts';

/** After so long without work for clients nobody is in the way, ms. */
const QUIET_MS = 1_000;
/** What is done later than it could be, as timers and a busy event loop have it, may catch up by so much, ms. */
const CREDIT_MS = 50;

export interface BackgroundPaceOptions {
  readonly env: Env;
  /** While clients are served. */
  readonly bytesPerSecond: number;
  /** Grows with all that this node does for clients. */
  readonly work: () => number;
}

export class BackgroundPace {
  readonly #options: BackgroundPaceOptions;
  #work: number;
  #quietFrom: number;
  /** When the next piece may be done, an instant of Env.now(). */
  #freeAt = Number.NEGATIVE_INFINITY;

  constructor(options: BackgroundPaceOptions) {
    this.#options = options;
    this.#work = options.work();
    this.#quietFrom = options.env.now();
  }

  /** Resolves when a piece of so many bytes may be done. */
  async turn(bytes: number): Promise<void> {
    const { env, bytesPerSecond } = this.#options;
    const now = env.now();
    const at = this.#isQuiet(now) ? now : Math.max(this.#freeAt, now - CREDIT_MS);
    this.#freeAt = at + (bytes / bytesPerSecond) * 1_000;
    if (at > now) await delay(env, at - now);
  }

  #isQuiet(now: number): boolean {
    const work = this.#options.work();
    if (work !== this.#work) this.#quietFrom = now + QUIET_MS;
    this.#work = work;
    return now >= this.#quietFrom;
  }
}

/** Writes logged, rows looked for, leaves scanned: as good as all that a node does for clients. */
export function clientWork(stats: StorageStats): number {
  const { entries, rowCacheHits, rowCacheMisses, leafCacheHits, leafCacheMisses } = stats;
  return entries + rowCacheHits + rowCacheMisses + leafCacheHits + leafCacheMisses;
}
