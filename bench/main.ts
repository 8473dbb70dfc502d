// `npm run bench -- WHAT`: measurements on this machine, with what they ran on. Nothing here is part of a test.

import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { EXIT, ProcessExit } from '../common/process/exit.ts';
import { type Command, integer, readFlags, text } from '../common/process/flags.ts';
import { type FailoverRun, measureFailover, SCENARIOS } from './failover.ts';

const COMMAND = {
  name: 'rangekeeper bench',
  summary: 'Measures a cluster on this machine. WHAT: failover',
  positionals: 'WHAT',
  flags: {
    runs: integer<number>({ help: 'runs of each scenario', min: 1, max: 1000, fallback: 20 }),
    json: text<string | null>({ value: 'FILE', help: 'writes every run there', fallback: null }),
  },
} as const satisfies Command;

export async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readFlags(COMMAND, argv);
  if (positionals.length !== 1 || positionals[0] !== 'failover') {
    throw new ProcessExit(EXIT.usage, 'rangekeeper bench: WHAT is failover');
  }
  const machine = `Node ${process.version}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  process.stdout.write(
    `failover: 3 nodes, T = 2 s, 8 writers and 4 fallback readers on one range; ${machine}\n`,
  );
  const runs = await measureFailover(values.runs, (run) => process.stdout.write(`${describe(run)}\n`));
  for (const { name } of SCENARIOS) process.stdout.write(`${summary(name, runs)}\n`);
  if (values.json !== null) writeFileSync(values.json, `${JSON.stringify({ machine, runs }, null, 2)}\n`);
  const sound = runs.every(({ lost, failedReads }) => lost === 0 && failedReads === 0);
  return sound ? EXIT.ok : EXIT.failed;
}

function describe(run: FailoverRun): string {
  const parts = [
    `write gap ${ms(run.writeGapMs)}`,
    `read gap ${ms(run.readGapMs)}`,
    `${run.acknowledged} acknowledged`,
    `${run.unknown} unknown`,
    `${run.lost} lost`,
    `${run.failedReads} failed reads`,
    `in-sync again after ${ms(run.backInSyncMs)}`,
  ];
  return `  ${run.scenario}: ${parts.join(', ')}`;
}

function summary(scenario: string, all: readonly FailoverRun[]): string {
  const runs = all.filter((run) => run.scenario === scenario);
  const figure = (of: (run: FailoverRun) => number): string => {
    const sorted = runs.map(of).sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
    return `median ${ms(median)}, worst ${ms(sorted.at(-1) ?? 0)}`;
  };
  const lost = runs.reduce((sum, run) => sum + run.lost, 0);
  const failed = runs.reduce((sum, run) => sum + run.failedReads, 0);
  return [
    `${scenario}, ${runs.length} runs:`,
    `  writes: ${figure((run) => run.writeGapMs)}`,
    `  fallback reads: ${figure((run) => run.readGapMs)}`,
    `  in-sync again: ${figure((run) => run.backInSyncMs)}`,
    `  ${lost} acknowledged writes lost, ${failed} fallback reads failed`,
  ].join('\n');
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
