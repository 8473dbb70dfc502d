// Runs the seeds of a campaign, in this process or in several that use all cores. A seed gives the same result everywhere.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { countersFor } from './rule-counters.ts';
import { type ReportOptions, reportSeed, type SeedReport } from './seed-report.ts';
import type { SeedOrder } from './seed-worker.ts';

export interface SeedRunner {
  /** Runs one seed; not to be called again before it has finished. */
  run(seed: number): Promise<SeedReport>;
  close(): void;
}

const WORKER = fileURLToPath(new URL('./seed-worker.js', import.meta.url));
/** A run makes much short-lived garbage. With this semi-space garbage collection costs a third of the time. */
const NODE_FLAGS = ['--max-semi-space-size=32'];

/** @param jobs 1: in this process, where a debugger or a profiler sees it */
export async function openRunners(jobs: number, options: ReportOptions): Promise<readonly SeedRunner[]> {
  if (jobs === 1) return [await runnerHere(options)];
  return Array.from({ length: jobs }, () => runnerInChild(options));
}

async function runnerHere(options: ReportOptions): Promise<SeedRunner> {
  const rules = await countersFor(options);
  return { run: (seed) => reportSeed(seed, options, rules), close: () => {} };
}

function runnerInChild(options: ReportOptions): SeedRunner {
  const child = fork(WORKER, { execArgv: [...process.execArgv, ...NODE_FLAGS] });
  return {
    run: (seed) => ask(child, { seed, options }),
    close: () => child.disconnect(),
  };
}

function ask(child: ChildProcess, order: SeedOrder): Promise<SeedReport> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error(`the process that ran seed ${order.seed} has ended`));
    child.once('exit', ended);
    child.once('message', (report: SeedReport) => {
      child.off('exit', ended);
      resolve(report);
    });
    child.send(order);
  });
}
