// Latencies of millions of operations in a few kilobytes: buckets whose width grows with the value, so that every
// percentile is right within 1.6 % from a microsecond to some minutes.

/** Buckets for each doubling of the value. */
const PER_DOUBLING = 64;
const DOUBLINGS = 28;
const MICROSECONDS = 1_000;

/** The percentiles that reports show and plots draw. */
export const QUANTILES = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999] as const;

export class Histogram {
  count = 0;
  longestMs = 0;
  readonly #buckets = new Uint32Array(PER_DOUBLING * (DOUBLINGS + 1));

  record(ms: number): void {
    this.count++;
    if (ms > this.longestMs) this.longestMs = ms;
    const at = bucketOf(ms);
    this.#buckets[at] = (this.#buckets[at] ?? 0) + 1;
  }

  /** The value that this share of all is at or below, ms; 0 where nothing was recorded. */
  quantile(share: number): number {
    const wanted = Math.max(1, Math.ceil(share * this.count));
    let seen = 0;
    for (let at = 0; at < this.#buckets.length; at++) {
      seen += this.#buckets[at] ?? 0;
      if (seen >= wanted) return Math.min(highestOf(at), this.longestMs);
    }
    return this.longestMs;
  }

  /** One value for each of QUANTILES, ms. */
  quantiles(): number[] {
    return QUANTILES.map((share) => this.quantile(share));
  }
}

/** Linear up to PER_DOUBLING microseconds, then PER_DOUBLING buckets for each doubling. */
function bucketOf(ms: number): number {
  const us = Math.max(0, ms * MICROSECONDS);
  if (us < PER_DOUBLING) return Math.floor(us);
  const doubling = Math.min(DOUBLINGS - 1, Math.floor(Math.log2(us / PER_DOUBLING)));
  const within = Math.min(PER_DOUBLING - 1, Math.floor((us / (PER_DOUBLING << doubling) - 1) * PER_DOUBLING));
  return PER_DOUBLING * (doubling + 1) + within;
}

/** ms */
function highestOf(bucket: number): number {
  if (bucket < PER_DOUBLING) return (bucket + 1) / MICROSECONDS;
  const doubling = Math.floor(bucket / PER_DOUBLING) - 1;
  const within = bucket % PER_DOUBLING;
  return ((PER_DOUBLING << doubling) * (1 + (within + 1) / PER_DOUBLING)) / MICROSECONDS;
}
