// How long to pause between attempts that fail: twice as long each time, up to a bound. Who pauses keeps the count and the
// timer, and decides what ends a pause early.

export interface Backoff {
  /** The first pause, ms. */
  readonly minMs: number;
  /** The longest pause, ms. */
  readonly maxMs: number;
}

/** The pause after so many others, ms. @param pauses since the last success; 0: this is the first one */
export function backoffMs({ minMs, maxMs }: Backoff, pauses: number): number {
  return Math.min(maxMs, minMs * 2 ** pauses);
}

/**
 * Between a half of `ms` and all of it, so that those that failed together do not come back together.
 * @param source an Env, or what a page has in its place: uniform in [0, 1)
 */
export function jittered(ms: number, source: { random(): number }): number {
  return ms * (0.5 + source.random() / 2);
}
