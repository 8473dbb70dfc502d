// The simulator in a process of its own: there a rejection that nobody caught belongs to the simulated process that ran
// last. A seed that fails prints its story and the command that runs it again. By default the same few seeds each time;
// with RANGEKEEPER_SIM_MS fresh ones for so long, in ms of real time: about one in 25 of those fails still (NOTES.md, Known
// limits), and a test that fails by chance would hide what a change has broken.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const BUDGET_MS = Number(process.env.RANGEKEEPER_SIM_MS ?? 0);
const SEEDS = ['--seed', '1', '--seeds', '10'];
const BOOTSTRAP = fileURLToPath(new URL('../../../bin/bootstrap.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

function simulate(args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--enable-source-maps', BOOTSTRAP, 'sim', ...args]);
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
  const { code, output } = await simulate(BUDGET_MS > 0 ? ['--budget-ms', String(BUDGET_MS)] : SEEDS);
  t.log(output.trimEnd().split('\n').at(0), output.trimEnd().split('\n').at(-1));
  t.is(code, 0, output);
});

test('a seed runs again exactly', async (t) => {
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
