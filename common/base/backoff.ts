// How long to pause between attempts that fail: twice as long each time, up to a bound. The caller keeps the count and the timer,
// and decides what ends a pause early.

export interface Backoff {
  /** The first pause, ms. */
  readonly minMs: number;
  /** The longest pause, ms. */
  readonly maxMs: number;
}

/** The next pause, ms. @param pauses how many there have been since the last success */
export function backoffMs({ minMs, maxMs }: Backoff, pauses: number): number {
  return Math.min(maxMs, minMs * 2 ** pauses);
}

/**
 * A random time between half of `ms` and `ms`, so that callers that failed together do not retry together.
 * @param source an Env, or on a page what replaces it; `random()` is uniform in [0, 1)
 */
export function jittered(ms: number, source: { random(): number }): number {
  return ms * (0.5 + source.random() / 2);
}
