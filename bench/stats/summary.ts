// What is said of several rounds of one measurement, and in which order rounds of several contenders run.

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Of an even number the mean of the middle two; all 0 of none. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? 0;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}

/**
 * The median of the ratios a[i] / b[i] of rounds that ran side by side: what slowed the machine for a while slowed both.
 * Rounds in which b is 0 do not count.
 */
export function ratioOf(a: readonly number[], b: readonly number[]): Spread {
  const ratios: number[] = [];
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const over = b[i] ?? 0;
    if (over > 0) ratios.push((a[i] ?? 0) / over);
  }
  return spreadOf(ratios);
}

/** A B C, A B C, ...: all contenders of a round before the next, so that none has a quiet hour for itself. */
export function* interleaved<T>(
  contenders: readonly T[],
  rounds: number,
): Generator<{ round: number; contender: T }> {
  for (let round = 0; round < rounds; round++) for (const contender of contenders) yield { round, contender };
}
