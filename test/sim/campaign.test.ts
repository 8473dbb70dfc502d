// Runs the simulator in processes of its own, because it takes every unhandled rejection for a crash of the simulated process
// that ran last. It runs fresh seeds for 90 s of real time, or RANGEKEEPER_SIM_MS. The first seed is printed; a seed that fails
// prints what happened and the command that replays it.

import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const BUDGET_MS = Number(process.env.RANGEKEEPER_SIM_MS ?? 90_000);
/** Tests with real processes and real time run at the same time and must come first. */
const NICENESS = 10;
const BOOTSTRAP = fileURLToPath(new URL('../../../bin/bootstrap.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

function simulate(args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--enable-source-maps', BOOTSTRAP, 'sim', ...args]);
    if (child.pid !== undefined) setPriority(child.pid, NICENESS);
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

test('seeds with all faults keep every promise', async (t) => {
  t.timeout(BUDGET_MS + 240_000);
  const { code, output } = await simulate(['--budget-ms', String(BUDGET_MS)]);
  t.log(output.trimEnd().split('\n').at(0), output.trimEnd().split('\n').at(-1));
  t.is(code, 0, output);
});

test('two runs of a seed are exactly the same', async (t) => {
  t.timeout(120_000);
  const run = (seed: number) =>
    simulate([
      '--seed',
      String(seed),
      '--operations',
      '400',
      '--faults',
      '8',
      '--verbose',
      '--story',
      '100000',
    ]);
  const [first, again, other] = [await run(7), await run(7), await run(8)];
  t.is(first.code, 0, first.output);
  t.is(traceOf(again), traceOf(first));
  t.is(storyOf(again), storyOf(first));
  t.not(traceOf(other), traceOf(first));
});

function traceOf({ output }: Ended): string | undefined {
  return /trace [0-9a-f]{8}, .*/.exec(output)?.[0];
}

function storyOf({ output }: Ended): string {
  return output.slice(0, output.lastIndexOf('virtual hours'));
}
