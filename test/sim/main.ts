// `npm run sim`: runs a campaign of the simulator, or replays one seed (`-- --seed S`).

import { availableParallelism } from 'node:os';
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
import type { ProcessLife } from '../../common/process/main.ts';
import { Campaign } from './campaign.ts';
import { type ReportOptions, reportSeed, type SeedReport } from './seed-report.ts';
import { openRunners, type SeedRunner } from './seed-runners.ts';
import { shrink } from './shrink.ts';

const SEEDS_MAX = 2 ** 31;

const COMMAND = {
  name: 'rangekeeper sim',
  summary:
    'Runs a complete cluster in virtual time under faults, one seed after another, and checks what happened.',
  flags: {
    seed: integer<number | null>({
      help: 'the first seed; default: a random one',
      min: 0,
      max: SEEDS_MAX,
      fallback: null,
    }),
    seeds: integer<number | null>({
      help: 'number of seeds; default: one, or with --budget-ms as many as fit into that time',
      min: 1,
      max: SEEDS_MAX,
      fallback: null,
    }),
    budgetMs: integer<number | null>({
      help: 'no new seed is started after this time, ms',
      min: 1,
      max: SEEDS_MAX,
      fallback: null,
    }),
    jobs: integer<number | null>({
      help: 'processes that run seeds; default: one per core',
      min: 1,
      max: 256,
      fallback: null,
    }),
    operations: integer<number>({
      help: 'minimum number of client operations of each seed',
      min: 1,
      max: 1_000_000,
      fallback: 2_000,
    }),
    faults: integer<number>({
      help: 'minimum number of faults of each seed; 0: none',
      min: 0,
      max: 10_000,
      fallback: 20,
    }),
    only: text<string | null>({
      help: 'numbers of the faults that strike, separated by commas, or none; default: all',
      fallback: null,
    }),
    shrink: toggle({ help: 'looks for a smaller run that fails in the same way as the first failing seed' }),
    story: integer<number>({
      help: 'number of event lines printed for a seed that fails',
      min: 0,
      max: 100_000,
      fallback: 200,
    }),
    key: text<string | null>({ help: 'prints every operation on this key', fallback: null }),
    verbose: toggle({
      help: 'prints a report of every seed, and how often each branch of the rules was taken; slower',
    }),
    allFired: toggle({ help: 'fails if a kind of fault or a branch of the rules never occurred; slower' }),
  },
} as const satisfies Command;

type Values = ParsedFlags<typeof COMMAND>['values'];

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The fault numbers that `--only` names. Throws a usage error if the text is malformed. */
function faultNumbers(given: string | null): readonly number[] | null {
  if (given === null) return null;
  if (given === 'none') return [];
  if (!/^\d+(,\d+)*$/.test(given))
    throw new ProcessExit(EXIT.usage, `--only ${given}: expected numbers separated by commas, or none`);
  return given.split(',').map(Number);
}

const SHRINK_RUNS = 300;

/** Shrinks a run that failed and prints the report of the smallest one that still fails. */
async function shrinkRun(found: SeedReport, options: ReportOptions): Promise<void> {
  const { seed, checker } = found;
  let runs = 0;
  print(`shrinking: ${found.faults.length} faults, ${options.operations} operations`);
  const size = await shrink(
    { operations: options.operations, only: found.faults },
    SHRINK_RUNS,
    async (size) => {
      runs++;
      const fails = (await reportSeed(seed, { ...options, ...size })).checker === checker;
      if (fails) print(`  ${size.only.length} faults, ${size.operations} operations: fails`);
      return fails;
    },
  );
  print(`the smallest of ${runs} runs:`);
  printReport(await reportSeed(seed, { ...options, ...size }));
}

function printReport({ lines }: SeedReport): void {
  for (const line of lines) print(line);
}

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { values } = readFlags(COMMAND, argv);
  const first = values.seed ?? Math.floor(realEnv.random() * SEEDS_MAX);
  const countRules = values.verbose || values.allFired;
  const options = { ...values, only: faultNumbers(values.only), countRules };
  const begun = realEnv.now();
  print(`seeds from ${first}`);
  const campaign = await runCampaign(first, values, options, life);
  const failed = campaign.failed[0];
  if (values.shrink && failed !== undefined) await shrinkRun(failed, options);
  print(campaign.summary(realEnv.now() - begun, values.verbose));
  const complete = !values.allFired || campaign.unfired.length === 0;
  return failed === undefined && complete ? EXIT.ok : EXIT.failed;
}

/** Each runner takes the next seed when it has finished one. After a stop request no new seed is started. */
async function runCampaign(
  first: number,
  values: Values,
  options: ReportOptions,
  { stopRequested }: ProcessLife,
): Promise<Campaign> {
  const campaign = new Campaign(options);
  let stopped = false;
  void stopRequested.then(() => {
    stopped = true;
  });
  const seedsMax = values.seeds ?? (values.budgetMs === null ? 1 : Number.POSITIVE_INFINITY);
  const end = realEnv.now() + (values.budgetMs ?? Number.POSITIVE_INFINITY);
  let begun = 0;
  const mayStart = () =>
    !stopped && begun < seedsMax && realEnv.now() < end && !(values.shrink && campaign.failed.length > 0);
  const work = async ({ run }: SeedRunner): Promise<void> => {
    while (mayStart()) {
      const report = await run((first + begun++) % SEEDS_MAX);
      printReport(report);
      campaign.add(report);
    }
  };
  const runners = await openRunners(Math.min(values.jobs ?? availableParallelism(), seedsMax), options);
  try {
    await Promise.all(runners.map(work));
  } finally {
    for (const runner of runners) runner.close();
  }
  return campaign;
}
