// Limits the rate of background work: sending and receiving snapshots, and reading rows to verify them. Background work
// at full speed keeps a small machine so busy that clients' writes wait for a core at every step. So while clients are
// served, background work is done one piece at a time at a fixed rate. It never gets less than that rate, so it ends even
// on a busy node. While no client is served, it is not limited.

import { delay, type Env } from '../common/base/env.ts';
import type { Row, StorageStats } from './storage/storage.ts';

/** Without client work for this time, background work is not limited, ms. */
const IDLE_MS = 1_000;
/** Pieces that are late, because of timers or a busy event loop, may catch up by at most this, ms. */
const CREDIT_MS = 50;

export interface BackgroundRateLimiterOptions {
  readonly env: Env;
  /** The rate while clients are served. */
  readonly bytesPerSecond: number;
  /** A counter that grows with all work that this node does for clients. */
  readonly clientWork: () => number;
}

export class BackgroundRateLimiter {
  readonly #options: BackgroundRateLimiterOptions;
  #clientWork: number;
  #idleFrom: number;
  /** When the next piece may start, an instant of Env.now(), ms. */
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(options: BackgroundRateLimiterOptions) {
    this.#options = options;
    this.#clientWork = options.clientWork();
    this.#idleFrom = options.env.now();
  }

  /** Resolves when a piece of `bytes` may start. */
  async acquire(bytes: number): Promise<void> {
    const { env, bytesPerSecond } = this.#options;
    const now = env.now();
    const at = this.#isIdle(now) ? now : Math.max(this.#nextAt, now - CREDIT_MS);
    this.#nextAt = at + (bytes / bytesPerSecond) * 1_000;
    if (at > now) await delay(env, at - now);
  }

  #isIdle(now: number): boolean {
    const clientWork = this.#options.clientWork();
    if (clientWork !== this.#clientWork) this.#idleFrom = now + IDLE_MS;
    this.#clientWork = clientWork;
    return now >= this.#idleFrom;
  }
}

/** Counts entries logged, rows read and leaves scanned, which is nearly all that a node does for clients. */
export function clientWork(stats: StorageStats): number {
  const { entries, rowCacheHits, rowCacheMisses, leafCacheHits, leafCacheMisses } = stats;
  return entries + rowCacheHits + rowCacheMisses + leafCacheHits + leafCacheMisses;
}

export function bytesOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
}
