// How fast a node sends snapshots, all of them together. Whoever brings a lost node back has time; who writes and reads
// meanwhile has not: a snapshot that goes as fast as it can keeps a small machine so busy that writes wait for a core at each
// step of their way, and a third of them get through. So while clients are served, chunks leave at a rate, one at a
// time instead of in bursts; that rate is also the least, so that a transfer ends whatever else there is to do.

import { delay, type Env } from '../common/base/env.ts';

/** After so long without work for clients nobody is in the way, ms. */
const QUIET_MS = 1_000;
/** What leaves later than it could, as timers and a busy event loop have it, may catch up by so much, ms. */
const CREDIT_MS = 50;

export interface SnapshotPaceOptions {
  readonly env: Env;
  /** While clients are served. */
  readonly bytesPerSecond: number;
  /** Grows with all that this node does for clients. */
  readonly work: () => number;
}

export class SnapshotPace {
  readonly #options: SnapshotPaceOptions;
  #work: number;
  #quietFrom: number;
  /** When the next chunk may leave, an instant of Env.now(). */
  #freeAt = Number.NEGATIVE_INFINITY;

  constructor(options: SnapshotPaceOptions) {
    this.#options = options;
    this.#work = options.work();
    this.#quietFrom = options.env.now();
  }

  /** Resolves when a chunk of so many bytes may leave. */
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
