// Runs one seed and makes its report. A report is plain data, so a child process can send it.

import type { RuleCounters } from './rule-counters.ts';
import { type RunResult, runSeed } from './run.ts';
import type { RunOptions } from './settings.ts';

/** How the seeds of a campaign are run and reported; the same for all of them. */
export interface ReportOptions extends Omit<RunOptions, 'seed'> {
  /** Number of event lines in the report of a seed that fails. */
  readonly story: number;
  /** Every operation on this key is printed. */
  readonly key: string | null;
  readonly verbose: boolean;
  /** Also counts the branches of the rules, which makes a run a quarter slower. */
  readonly countRules: boolean;
}

export interface SeedReport {
  readonly seed: number;
  /** The first checker that found a violation; null: there was none. */
  readonly checker: string | null;
  /** The numbers of the faults that struck. */
  readonly faults: readonly number[];
  readonly operations: number;
  readonly virtualMs: number;
  readonly counters: readonly (readonly [string, number])[];
  /** What is printed: nothing for a seed without a violation, unless `verbose` or `key` is set. */
  readonly lines: readonly string[];
}

export async function reportSeed(
  seed: number,
  options: ReportOptions,
  rules?: RuleCounters,
): Promise<SeedReport> {
  const { operations, faults, only } = options;
  const run = { seed, operations, faults, only };
  const result = await runSeed(run, rules === undefined ? {} : { rules });
  return {
    seed,
    checker: result.violations[0]?.split(':')[0] ?? null,
    faults: result.faults,
    operations: result.operations,
    virtualMs: result.virtualMs,
    counters: [...result.counters],
    lines: linesOf(result, run, options),
  };
}

function linesOf(
  result: RunResult,
  run: RunOptions,
  { story, key, verbose }: ReportOptions,
): readonly string[] {
  const { seed, trace, virtualMs, events, operations, violations } = result;
  const isShown = verbose || violations.length > 0;
  const virtual = (virtualMs / 1000).toFixed(1);
  const head = `seed ${seed}: trace ${trace}, ${virtual} virtual s, ${events} events, ${operations} operations`;
  return [
    ...(isShown ? [head] : []),
    ...(key === null ? [] : result.ofKey(key)),
    ...(isShown ? [result.story(story)] : []),
    ...violations.slice(0, 10).map((violation) => `FAILED  ${violation}`),
    ...(violations.length > 0 ? [`again:  ${again(run)}`] : []),
  ];
}

/** The command that replays the run. */
function again({ seed, operations, faults, only }: RunOptions): string {
  const some = only === null ? '' : ` --only ${only.length === 0 ? 'none' : only.join()}`;
  return `npm run sim -- --seed ${seed} --operations ${operations} --faults ${faults}${some}`;
}
