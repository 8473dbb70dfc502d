// One seed run and told: plain data, so that another process may have run it.

import type { RuleCounters } from './rule-counters.ts';
import { type RunResult, runSeed } from './run.ts';
import type { RunOptions } from './settings.ts';

/** How the seeds of a campaign are run and told of; the same for all of them. */
export interface ReportOptions extends Omit<RunOptions, 'seed'> {
  /** Lines told of a seed that fails. */
  readonly story: number;
  /** Every operation on it is shown. */
  readonly key: string | null;
  readonly verbose: boolean;
  /** Branches of the rules as well; costs a quarter of the time. */
  readonly countRules: boolean;
}

export interface SeedReport {
  readonly seed: number;
  /** The first one that found something; null: every promise was kept. */
  readonly checker: string | null;
  /** The numbers of those that struck. */
  readonly faults: readonly number[];
  readonly operations: number;
  readonly virtualMs: number;
  readonly counters: readonly (readonly [string, number])[];
  /** What people are told: nothing of a seed that keeps every promise, unless they want to know. */
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
  const told = verbose || violations.length > 0;
  const virtual = (virtualMs / 1000).toFixed(1);
  const head = `seed ${seed}: trace ${trace}, ${virtual} virtual s, ${events} events, ${operations} operations`;
  return [
    ...(told ? [head] : []),
    ...(key === null ? [] : result.ofKey(key)),
    ...(told ? [result.story(story)] : []),
    ...violations.slice(0, 10).map((violation) => `FAILED  ${violation}`),
    ...(violations.length > 0 ? [`again:  ${again(run)}`] : []),
  ];
}

/** The command that runs it again. */
function again({ seed, operations, faults, only }: RunOptions): string {
  const some = only === null ? '' : ` --only ${only.length === 0 ? 'none' : only.join()}`;
  return `npm run sim -- --seed ${seed} --operations ${operations} --faults ${faults}${some}`;
}
