// `npm run bench -- [WHAT]`: measurements on this machine, and a description of the machine. No test runs this.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, parse } from 'node:path';
import { realEnv } from '../common/base/env.ts';
import { EXIT, ProcessExit } from '../common/process/exit.ts';
import { type Command, integer, type ParsedFlags, readFlags, text, toggle } from '../common/process/flags.ts';
import type { ProcessLife } from '../common/process/main.ts';
import { isSound, runFailover, runReshape } from './failover/failover.ts';
import { runManyRanges } from './failover/many-ranges.ts';
import { Calibrator, describeMachine, findPrograms, type Programs } from './machine.ts';
import { runMicro } from './micro/micro.ts';
import { Profiler } from './profile/profiler.ts';
import { pageOf } from './report/page.ts';
import { type Outcome, type Report, together, verifiedIn } from './report/results.ts';
import { closingLines, comparisonLines, machineLines } from './report/table.ts';
import { FULL, QUICK, Rig } from './rig.ts';
import { WORKLOADS, type Workload, workloadsNamed } from './workloads/all.ts';

const COMMAND = {
  name: 'rangekeeper bench',
  summary: [
    'Without WHAT it compares Rangekeeper with etcd, ZooKeeper, Redis and the raw limits on this machine, all equally',
    'durable, in alternating rounds. WHAT may also be:',
    'failover: measures how long clients wait when a process dies;',
    'reshape: the same when a range is split or merged;',
    'many-ranges: cold start, failover and drain of five nodes with a thousand ranges;',
    'micro: compares single parts of a node with their raw limits.',
    'Peers that are not installed are left out. Data are stored below TMPDIR, which should be on a disk.',
  ].join('\n'),
  positionals: '[WHAT]',
  flags: {
    quick: toggle({ help: 'few keys and short rounds; takes two minutes instead of thirty' }),
    only: text<string | null>({
      value: 'NAME,...',
      help: 'runs only these workloads, or groups of them',
      fallback: null,
    }),
    profile: toggle({
      help: 'repeats each workload of Rangekeeper once more and takes a CPU profile of each process',
    }),
    json: text<string | null>({ value: 'FILE', help: 'writes all results to this file', fallback: null }),
    html: text<string | null>({
      value: 'FILE',
      help: 'writes a page with plots to this file',
      fallback: null,
    }),
    runs: integer<number>({
      help: 'number of runs of each scenario of failover, reshape and many-ranges',
      min: 1,
      max: 1000,
      fallback: 20,
    }),
  },
  epilog: `workloads: ${WORKLOADS.map(({ name }) => name).join(', ')}`,
} as const satisfies Command;

type Values = ParsedFlags<typeof COMMAND>['values'];

const MINUTE_MS = 60_000;

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { values, positionals } = readFlags(COMMAND, argv);
  const stopped = life.stopRequested.then((): never => {
    throw new ProcessExit(EXIT.interrupted, 'rangekeeper bench: stopped');
  });
  // Each measurement that can stop in order waits for it, too.
  stopped.catch(() => {});
  switch (positionals.join(' ')) {
    case '':
      return compareAll(values, stopped);
    case 'micro':
      return micro(values, stopped);
    case 'failover':
      return failover(values, stopped);
    case 'reshape':
      return reshape(values, stopped);
    case 'many-ranges':
      return manyRanges(values, stopped);
    default:
      throw new ProcessExit(
        EXIT.usage,
        'rangekeeper bench: WHAT must be failover, reshape, many-ranges or micro, or be left out',
      );
  }
}

async function compareAll(values: Values, stopped: Promise<never>): Promise<number> {
  const workloads = chosen(values);
  const scale = values.quick ? QUICK : FULL;
  const programs = findPrograms();
  const folder = values.profile ? profilesFolder(values) : null;
  return measured(values, { scale: scale.name, programs }, async (directory, calibrator, report) => {
    const profiler = folder === null ? null : await Profiler.open(folder, join(directory, 'profiler'));
    const rig = new Rig({ scale, directory, programs, calibrator, profiler, say });
    try {
      for (const { run } of workloads) report(await Promise.race([run(rig), stopped]));
    } finally {
      await rig.stop();
      profiler?.close();
    }
  });
}

async function micro(values: Values, stopped: Promise<never>): Promise<number> {
  const { quick } = values;
  const described = { scale: quick ? 'quick micro' : 'full micro', programs: null };
  return measured(values, described, (directory, calibrator, report) =>
    runMicro(quick, directory, calibrator, report, stopped),
  );
}

async function failover({ runs, json }: Values, stopped: Promise<never>): Promise<number> {
  const report = await runFailover(runs, say, stopped);
  if (json !== null) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  return isSound(report) ? EXIT.ok : EXIT.failed;
}

async function reshape({ runs, json }: Values, stopped: Promise<never>): Promise<number> {
  const report = await runReshape(runs, say, stopped);
  if (json !== null) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  return report.runs.every(({ lost, failed }) => lost === 0 && failed === 0) ? EXIT.ok : EXIT.failed;
}

async function manyRanges({ runs, json }: Values, stopped: Promise<never>): Promise<number> {
  const report = await runManyRanges(runs, say, stopped);
  if (json !== null) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  return report.wrongRows === 0 ? EXIT.ok : EXIT.failed;
}

/** Runs `run`, which reports one outcome after the other, with a folder for data below TMPDIR. Then writes the requested files. */
async function measured(
  values: Values,
  { scale, programs }: { scale: string; programs: Programs | null },
  run: (directory: string, calibrator: Calibrator, report: (outcome: Outcome) => void) => Promise<void>,
): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'rangekeeper-bench-'));
  const machine = describeMachine(directory, programs);
  for (const line of machineLines(machine)) say(line);
  const begin = realEnv.now();
  const startedAt = new Date(realEnv.wallNow()).toISOString();
  const outcomes: Outcome[] = [];
  try {
    await run(directory, new Calibrator(realEnv, directory), (outcome) => {
      outcomes.push(outcome);
      for (const line of comparisonLines(outcome.rows, outcome.verdicts)) say(line);
    });
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
  const minutes = (realEnv.now() - begin) / MINUTE_MS;
  const report: Report = { scale, startedAt, minutes, machine, ...together(outcomes) };
  for (const line of closingLines(report)) say(line);
  if (values.json !== null) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  if (values.html !== null) writeFileSync(values.html, pageOf(report));
  return verifiedIn(report.rows).lost === 0 ? EXIT.ok : EXIT.failed;
}

/** The folder for profiles, in the folder of the report. */
function profilesFolder({ html, json }: Values): string {
  const { dir, name } = parse(html ?? json ?? join('.rangekeeper', 'bench'));
  return join(dir, `${name}-profiles`);
}

function chosen({ only, quick }: Values): readonly Workload[] {
  if (only === null) return WORKLOADS.filter(({ part }) => part === 'quick' || (part === 'full' && !quick));
  try {
    return workloadsNamed(only);
  } catch (error) {
    throw new ProcessExit(
      EXIT.usage,
      `rangekeeper bench: --only: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
