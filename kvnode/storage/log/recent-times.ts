// How long something took in the last ten seconds: the mean and the 99th percentile. One count a bucket and second, so that it costs the
// same however often something is added.

import type { Env } from '../../../common/base/env.ts';
import type { SyncTimes } from '../storage.ts';

const SLOTS = 10;
const SLOT_MS = 1_000;
/** Times below this share a bucket, ms. */
const LEAST_MS = 0.05;
/** Buckets for each doubling: a percentile is right within a fifth. */
const PER_DOUBLING = 4;
/** The last one has all times above about a minute. */
const BUCKETS = PER_DOUBLING * 21;
const PERCENTILE = 0.99;

interface Slot {
  /** The number of its second; a slot with another one is empty. */
  second: number;
  count: number;
  sumMs: number;
  readonly buckets: Uint32Array;
}

export class RecentTimes {
  readonly #env: Pick<Env, 'now'>;
  readonly #slots: readonly Slot[];

  constructor(env: Pick<Env, 'now'>) {
    this.#env = env;
    this.#slots = Array.from({ length: SLOTS }, () => {
      return { second: -1, count: 0, sumMs: 0, buckets: new Uint32Array(BUCKETS) };
    });
  }

  add(ms: number): void {
    const second = this.#second;
    const slot = this.#slots[second % SLOTS] as Slot;
    if (slot.second !== second) {
      slot.second = second;
      slot.count = 0;
      slot.sumMs = 0;
      slot.buckets.fill(0);
    }
    slot.count++;
    slot.sumMs += ms;
    const bucket = bucketOf(ms);
    slot.buckets[bucket] = (slot.buckets[bucket] ?? 0) + 1;
  }

  /** Null: nothing was added lately. */
  get summary(): SyncTimes | null {
    const oldest = this.#second - SLOTS;
    const recent = this.#slots.filter(({ second }) => second > oldest);
    const count = recent.reduce((sum, slot) => sum + slot.count, 0);
    if (count === 0) return null;
    const sumMs = recent.reduce((sum, slot) => sum + slot.sumMs, 0);
    return { meanMs: sumMs / count, p99Ms: percentile(recent, Math.ceil(PERCENTILE * count)) };
  }

  get #second(): number {
    return Math.floor(this.#env.now() / SLOT_MS);
  }
}

function bucketOf(ms: number): number {
  const bucket = Math.ceil(Math.log2(Math.max(ms, LEAST_MS) / LEAST_MS) * PER_DOUBLING);
  return Math.min(bucket, BUCKETS - 1);
}

/** The upper bound of the bucket that has the `rank`th time. */
function percentile(slots: readonly Slot[], rank: number): number {
  let seen = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    for (const { buckets } of slots) seen += buckets[bucket] ?? 0;
    if (seen >= rank) return LEAST_MS * 2 ** (bucket / PER_DOUBLING);
  }
  return LEAST_MS * 2 ** (BUCKETS / PER_DOUBLING);
}
