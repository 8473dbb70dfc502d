// Statistics: percentiles of latencies, median and spread of rounds, ratios of two contenders.

import { createHistogram } from 'node:perf_hooks';

/** The percentiles that reports show and plots draw. */
export const QUANTILES = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999] as const;

/** Latencies of any number of operations, with a resolution of 1 µs and three significant digits. */
export class Latencies {
  readonly #micros = createHistogram({ lowest: 1, highest: 1e10, figures: 3 });

  get count(): number {
    return this.#micros.count;
  }

  get longestMs(): number {
    return this.#micros.max / 1_000;
  }

  record(ms: number): void {
    this.#micros.record(Math.max(1, Math.round(ms * 1_000)));
  }

  /** This share of all operations has at most the returned latency, ms; 0: nothing was recorded. */
  quantile(share: number): number {
    return this.#micros.percentile(share * 100) / 1_000;
  }

  /** One latency for each of QUANTILES, ms. */
  quantiles(): number[] {
    return QUANTILES.map((share) => this.quantile(share));
  }
}

/** The latency at one of QUANTILES, from the result of `quantiles`, ms; null: no latencies were measured. */
export function latencyAt(quantiles: readonly number[], share: (typeof QUANTILES)[number]): number | null {
  return quantiles[QUANTILES.indexOf(share)] ?? null;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The median of an even number of values is the mean of the middle two. Without values all figures are 0. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const nth = (index: number): number => sorted[index] ?? 0;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (nth(Math.floor(middle)) + nth(Math.ceil(middle))) / 2,
    min: nth(0),
    max: nth(sorted.length - 1),
  };
}

/**
 * The ratios a[i] / b[i] of rounds that ran after each other, so that a slow period of the machine affects both. Rounds in which b is
 * 0 do not count.
 */
export function ratioOf(a: readonly number[], b: readonly number[]): Spread {
  const rounds = a.slice(0, b.length).map((value, round) => value / (b[round] ?? 0));
  return spreadOf(rounds.filter(Number.isFinite));
}
