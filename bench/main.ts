// `npm run bench -- [WHAT]`: measurements on this machine, with what they ran on. Nothing here is part of a test.

import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { EXIT, ProcessExit } from '../common/process/exit.ts';
import { type Command, integer, type ParsedFlags, readFlags, text, toggle } from '../common/process/flags.ts';
import type { ProcessLife } from '../common/process/main.ts';
import { describeFailover, measureFailover, summarizeFailover } from './failover/few-ranges.ts';
import {
  describeManyRanges,
  MANY_RANGES,
  measureManyRanges,
  summarizeManyRanges,
} from './failover/many-ranges.ts';
import { runMicro } from './micro/micro.ts';
import { pageOf } from './report/page.ts';
import { type Report, verifiedIn } from './report/results.ts';
import { closingLines } from './report/table.ts';
import { FULL, QUICK } from './rig.ts';
import { runWorks } from './run.ts';
import { WORKS, type Work, worksNamed } from './workloads/all.ts';

const COMMAND = {
  name: 'rangekeeper bench',
  summary: [
    'Measures Rangekeeper beside etcd, ZooKeeper, Redis and the raw limits on this machine, all equally durable, in',
    'rounds that take turns. WHAT: nothing, for that; failover, for how long a range is away when a process dies;',
    'micro, for single parts of a node beside their raw limits.',
    'Peers that are not installed are left out. Data lies below TMPDIR, which should be a disk.',
  ].join('\n'),
  positionals: '[WHAT]',
  flags: {
    quick: toggle({ help: 'few keys and short rounds: two minutes instead of thirty' }),
    only: text<string | null>({
      value: 'NAME,...',
      help: 'only these works, or groups of them',
      fallback: null,
    }),
    profile: toggle({ help: 'one more slot of each work of Rangekeeper, told where its time goes' }),
    json: text<string | null>({ value: 'FILE', help: 'writes all that was measured there', fallback: null }),
    html: text<string | null>({ value: 'FILE', help: 'writes a page with plots there', fallback: null }),
    runs: integer<number>({ help: 'failover: runs of each scenario', min: 1, max: 1000, fallback: 20 }),
  },
  epilog: `works: ${WORKS.map(({ name }) => name).join(', ')}`,
} as const satisfies Command;

type Values = ParsedFlags<typeof COMMAND>['values'];

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { values, positionals } = readFlags(COMMAND, argv);
  const [what, ...more] = positionals;
  const stopped = life.stopRequested.then((): never => {
    throw new ProcessExit(EXIT.interrupted, 'rangekeeper bench: stopped');
  });
  // Heard where the work can be left in order.
  stopped.catch(() => {});
  if (more.length === 0 && what === undefined) return compareAll(values, stopped);
  if (more.length === 0 && what === 'failover') return failover(values, stopped);
  if (more.length === 0 && what === 'micro')
    return finish(await runMicro(values.quick, say, stopped), values);
  throw new ProcessExit(EXIT.usage, 'rangekeeper bench: WHAT is nothing, failover or micro');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function compareAll(values: Values, stopped: Promise<never>): Promise<number> {
  return finish(
    await runWorks(chosen(values), values.quick ? QUICK : FULL, values.profile, say, stopped),
    values,
  );
}

/** Tells the end of it, and writes what was asked for. */
function finish(report: Report, values: Values): number {
  for (const line of closingLines(report)) say(line);
  if (values.json !== null) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  if (values.html !== null) writeFileSync(values.html, pageOf(report));
  return verifiedIn(report.rows).lost === 0 ? EXIT.ok : EXIT.failed;
}

function chosen({ only, quick }: Values): readonly Work[] {
  if (only === null) return WORKS.filter(({ part }) => part === 'quick' || (part === 'full' && !quick));
  try {
    return worksNamed(only);
  } catch (error) {
    throw new ProcessExit(
      EXIT.usage,
      `rangekeeper bench: --only: ${error instanceof Error ? error.message : error}`,
    );
  }
}

async function failover(values: Values, stopped: Promise<never>): Promise<number> {
  const machine = `Node ${process.version}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  say(`failover: 3 nodes, T = 2 s, 8 writers and 4 fallback readers on one range; ${machine}`);
  const runs = await measureFailover(values.runs, (run) => say(describeFailover(run)), stopped);
  for (const line of summarizeFailover(runs)) say(line);
  say(`failover of many ranges: ${MANY_RANGES}`);
  const many = await measureManyRanges(values.runs, (run) => say(describeManyRanges(run)), stopped);
  for (const line of summarizeManyRanges(many)) say(line);
  if (values.json !== null)
    writeFileSync(values.json, `${JSON.stringify({ machine, runs, many }, null, 2)}\n`);
  const sound =
    runs.every(({ lost, failedReads }) => lost === 0 && failedReads === 0) &&
    many.every(({ lost }) => lost === 0);
  return sound ? EXIT.ok : EXIT.failed;
}
