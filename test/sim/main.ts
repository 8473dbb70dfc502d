// `npm run sim -- --seeds N --seed S`: a campaign of the simulator, or one seed again.

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
    jobs: integer<number | null>({
      help: 'processes that run seeds; default: one a core',
      min: 1,
      max: 256,
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
    verbose: toggle({
      help: 'tells of every seed, and how often each branch of the rules was taken: slower',
    }),
    allFired: toggle({ help: 'fails where a kind of fault or a branch of the rules never occurred: slower' }),
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

const SHRINK_RUNS = 300;

/** Shrinks a run that failed and tells of the smallest one. */
async function shrinkRun(found: SeedReport, options: ReportOptions): Promise<void> {
  const { seed, checker } = found;
  let runs = 0;
  say(`shrinking: ${found.faults.length} faults, ${options.operations} operations`);
  const size = await shrink(
    { operations: options.operations, only: found.faults },
    SHRINK_RUNS,
    async (size) => {
      runs++;
      const fails = (await reportSeed(seed, { ...options, ...size })).checker === checker;
      if (fails) say(`  ${size.only.length} faults, ${size.operations} operations: fails`);
      return fails;
    },
  );
  say(`the smallest of ${runs} runs:`);
  tell(await reportSeed(seed, { ...options, ...size }));
}

function tell({ lines }: SeedReport): void {
  for (const line of lines) say(line);
}

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { values } = readFlags(COMMAND, argv);
  const first = values.seed ?? Math.floor(realEnv.random() * SEEDS_MAX);
  const countRules = values.verbose || values.allFired;
  const options = { ...values, only: faultNumbers(values.only), countRules };
  const begun = realEnv.now();
  say(`seeds from ${first}`);
  const campaign = await runCampaign(first, values, options, life);
  const failed = campaign.failed[0];
  if (values.shrink && failed !== undefined) await shrinkRun(failed, options);
  say(campaign.summary(realEnv.now() - begun, values.verbose));
  const complete = !values.allFired || campaign.unfired.length === 0;
  return failed === undefined && complete ? EXIT.ok : EXIT.failed;
}

/** Each runner takes the next seed when it is done with one. Asked to stop, it ends with the seeds under way. */
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
  const wanted = values.seeds ?? (values.budgetMs === null ? 1 : Number.POSITIVE_INFINITY);
  const end = realEnv.now() + (values.budgetMs ?? Number.POSITIVE_INFINITY);
  let begun = 0;
  const goesOn = () =>
    !stopped && begun < wanted && realEnv.now() < end && !(values.shrink && campaign.failed.length > 0);
  const work = async ({ run }: SeedRunner): Promise<void> => {
    while (goesOn()) {
      const report = await run((first + begun++) % SEEDS_MAX);
      tell(report);
      campaign.add(report);
    }
  };
  const runners = await openRunners(Math.min(values.jobs ?? availableParallelism(), wanted), options);
  try {
    await Promise.all(runners.map(work));
  } finally {
    for (const runner of runners) runner.close();
  }
  return campaign;
}
