// `npm run sim -- --seeds N --seed S`: a campaign of the simulator, or one seed again.

import { realEnv } from '../../common/base/env.ts';
import { EXIT, ProcessExit } from '../../common/process/exit.ts';
import {
  type Command,
  integer,
  type ParsedFlags,
  readFlags,
  text,
  toggle,
} from '../../common/process/flags.ts';
import { FAULT_KINDS } from './fault-kinds.ts';
import { RuleCounters } from './rule-counters.ts';
import { BRANCHES, WALKED } from './rules.ts';
import { type RunResult, runSeed } from './run.ts';
import type { RunOptions } from './settings.ts';
import { shrink } from './shrink.ts';

const SEEDS_MAX = 2 ** 31;

const COMMAND = {
  name: 'rangekeeper sim',
  summary:
    'Runs the whole cluster in virtual time under faults, one seed after another, and judges what happened.',
  flags: {
    seed: integer<number | null>({
      help: 'the first seed; default: a fresh one',
      min: 0,
      max: SEEDS_MAX,
      fallback: null,
    }),
    seeds: integer<number | null>({
      help: 'how many; default: one, or with --budget-ms as many as fit',
      min: 1,
      max: SEEDS_MAX,
      fallback: null,
    }),
    budgetMs: integer<number | null>({
      help: 'no seed is begun after so long, ms',
      min: 1,
      max: SEEDS_MAX,
      fallback: null,
    }),
    operations: integer<number>({
      help: 'client operations of a seed, at least',
      min: 1,
      max: 1_000_000,
      fallback: 2_000,
    }),
    faults: integer<number>({
      help: 'faults of a seed, at least; 0: none',
      min: 0,
      max: 10_000,
      fallback: 20,
    }),
    only: text<string | null>({
      help: 'numbers of the faults that strike, by commas, or none; default: all',
      fallback: null,
    }),
    shrink: toggle({ help: 'looks for a smaller run that fails as the first failing seed does' }),
    story: integer<number>({ help: 'lines told of a seed that fails', min: 0, max: 100_000, fallback: 200 }),
    key: text<string | null>({ help: 'shows every operation on this key', fallback: null }),
    verbose: toggle({ help: 'tells of every seed, and how often each branch of the rules was taken' }),
    allFired: toggle({ help: 'fails where a kind of fault or a branch of the rules never occurred' }),
  },
} as const satisfies Command;

type Values = ParsedFlags<typeof COMMAND>['values'];

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Of `--only`; throws where it is something else. */
function faultNumbers(given: string | null): readonly number[] | null {
  if (given === null) return null;
  if (given === 'none') return [];
  if (!/^\d+(,\d+)*$/.test(given))
    throw new ProcessExit(EXIT.usage, `--only ${given}: numbers, by commas, or none`);
  return given.split(',').map(Number);
}

/** The command that runs it again. */
function again({ seed, operations, faults, only }: RunOptions): string {
  const some = only === null ? '' : ` --only ${only.length === 0 ? 'none' : only.join()}`;
  return `npm run sim -- --seed ${seed} --operations ${operations} --faults ${faults}${some}`;
}

const SHRINK_RUNS = 300;

/** Shrinks a run that failed and tells of the smallest one. */
async function shrinkRun(options: RunOptions, result: RunResult, values: Values): Promise<void> {
  const checker = checkerOf(result);
  let runs = 0;
  say(`shrinking: ${result.faults.length} faults, ${options.operations} operations`);
  const size = await shrink(
    { operations: options.operations, only: result.faults },
    SHRINK_RUNS,
    async (size) => {
      runs++;
      const fails = checkerOf(await runSeed({ ...options, ...size })) === checker;
      if (fails) say(`  ${size.only.length} faults, ${size.operations} operations: fails`);
      return fails;
    },
  );
  const smallest = { ...options, ...size };
  say(`the smallest of ${runs} runs:`);
  report(await runSeed(smallest), smallest, values);
}

function checkerOf({ violations }: RunResult): string | undefined {
  return violations[0]?.split(':')[0];
}

function report(result: RunResult, options: RunOptions, { story, verbose, key }: Values): void {
  const { seed, trace, virtualMs, events, violations } = result;
  if (verbose || violations.length > 0) {
    const virtual = (virtualMs / 1000).toFixed(1);
    say(
      `seed ${seed}: trace ${trace}, ${virtual} virtual s, ${events} events, ${result.operations} operations`,
    );
  }
  if (key !== null) for (const line of result.ofKey(key)) say(line);
  if (verbose && violations.length === 0) say(result.story(story));
  if (violations.length === 0) return;
  say(result.story(story));
  for (const violation of violations.slice(0, 10)) say(`FAILED  ${violation}`);
  say(`again:  ${again(options)}`);
}

export async function main(argv: readonly string[]): Promise<number> {
  const { values } = readFlags(COMMAND, argv);
  const first = values.seed ?? Math.floor(realEnv.random() * SEEDS_MAX);
  const budgetMs = values.budgetMs ?? Number.POSITIVE_INFINITY;
  const wanted = values.seeds ?? (values.budgetMs === null ? 1 : Number.POSITIVE_INFINITY);
  const begun = realEnv.now();
  const only = faultNumbers(values.only);
  const campaign = new Campaign();
  const rules = new RuleCounters();
  await rules.start();
  say(`seeds from ${first}`);
  for (let done = 0; done < wanted && realEnv.now() - begun < budgetMs; done++) {
    const { operations, faults } = values;
    const options = { operations, faults, only, seed: (first + done) % SEEDS_MAX };
    const result = await runSeed(options, { rules });
    report(result, options, values);
    campaign.add(result);
    if (!values.shrink || result.violations.length === 0) continue;
    await shrinkRun(options, result, values);
    break;
  }
  say(campaign.summary(realEnv.now() - begun, values.verbose));
  const complete = !values.allFired || campaign.unfired.length === 0;
  return campaign.failed.length === 0 && complete ? EXIT.ok : EXIT.failed;
}

/** Everything that a campaign is to have met: counters that must not be 0 at its end. */
const EXPECTED = [
  ...FAULT_KINDS.map(({ name }) => `fault ${name}`),
  'fault clocks-drift',
  'guardian closed',
  'guardian unreachable',
  'message-doubled-on-next-connection',
  ...BRANCHES.filter(({ name }) => !WALKED.includes(name)).map(({ name }) => `rule ${name}`),
];

class Campaign {
  readonly failed: number[] = [];
  readonly #counters = new Map<string, number>();
  #seeds = 0;
  #operations = 0;
  #virtualMs = 0;

  add({ seed, counters, operations, virtualMs, violations }: RunResult): void {
    for (const [what, count] of counters) this.#counters.set(what, (this.#counters.get(what) ?? 0) + count);
    this.#seeds++;
    this.#operations += operations;
    this.#virtualMs += virtualMs;
    if (violations.length > 0) this.failed.push(seed);
  }

  get unfired(): readonly string[] {
    return EXPECTED.filter((what) => (this.#counters.get(what) ?? 0) === 0);
  }

  /** What has happened how often, what never, and one line with the figures. */
  summary(tookMs: number, verbose: boolean): string {
    const minutes = tookMs / 60_000;
    const counters = [...this.#counters]
      .filter(([what]) => verbose || !what.startsWith('rule '))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const hours = (this.#virtualMs / 3_600_000).toFixed(2);
    return [
      ...counters.map(([what, count]) => `  ${what.padEnd(32)} ${count}`),
      `${EXPECTED.length - this.unfired.length} of ${EXPECTED.length} faults and branches of the rules occurred; never:`,
      ...this.unfired.map((what) => `  ${what}`),
      `${this.#seeds} seeds, ${this.#operations} operations, ${hours} virtual hours in ${minutes.toFixed(2)} min ` +
        `(${(this.#seeds / minutes).toFixed(0)} seeds a minute): ${this.failed.length} failed ${this.failed.join(' ')}`,
    ].join('\n');
  }
}
