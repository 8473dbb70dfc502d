// A failing run of the simulator is shrunk: with a function in place of runs, and with a world that two kinds of faults break.

import test from 'ava';
import { type RunResult, runSeed } from '../../sim/run.ts';
import { type Size, shrink } from '../../sim/shrink.ts';
import type { Cluster } from '../../sim/sim-cluster.ts';

const twenty = Array.from({ length: 20 }, (_, index) => index);

test('faults and operations that are not needed are removed', async (t) => {
  const cases: readonly (readonly number[])[] = [[], [0], [19], [3, 7], [0, 9, 10, 19], twenty];
  for (const needed of cases) {
    const size = await shrink({ operations: 2_000, only: twenty }, 1_000, async ({ operations, only }) => {
      return operations >= 120 && needed.every((fault) => only.includes(fault));
    });
    t.deepEqual(size, { operations: 125, only: needed });
  }
});

test('the number of tries is bounded, and the last size that failed is returned', async (t) => {
  const failed: Size[] = [];
  let tries = 0;
  const size = await shrink({ operations: 2_000, only: twenty }, 5, async (tried) => {
    tries++;
    if (tried.only.includes(3)) failed.push(tried);
    return tried.only.includes(3);
  });
  t.is(tries, 5);
  t.deepEqual(size, failed.at(-1));
});

/** Breaks the world when both an election of ZooKeeper and a pause of a node have occurred. */
function breakWhenBothMeet({ world, history }: Cluster): void {
  const had = (kind: string) => (world.story.counters.get(`fault ${kind}`) ?? 0) > 0;
  const look = () => {
    if (had('zk-election') && had('node-paused') && history.operations.length > 100)
      world.violation('synthetic', 'they met');
    else world.clock.after(10, look);
  };
  look();
}

function run(seed: number, { operations, only }: { operations: number; only: readonly number[] | null }) {
  return runSeed({ seed, operations, faults: 20, only }, { prepare: breakWhenBothMeet });
}

/** The first seed with both kinds of faults; that one changes with the list of kinds. */
async function firstBroken(): Promise<RunResult> {
  for (let seed = 1; seed <= 50; seed++) {
    const result = await run(seed, { operations: 2_000, only: null });
    if (result.violations.length > 0) return result;
  }
  throw new Error('no seed has both kinds of faults');
}

test('a run shrinks to the faults that break it, and the smaller run can be repeated', async (t) => {
  t.timeout(240_000);
  const whole = await firstBroken();
  t.deepEqual(whole.violations, ['synthetic: they met']);
  const { seed } = whole;
  const size = await shrink({ operations: 2_000, only: whole.faults }, 100, async (tried) => {
    return (await run(seed, tried)).violations[0] === 'synthetic: they met';
  });
  t.is(size.only.length, 2, size.only.join());
  t.true(size.only.every((fault) => whole.faults.includes(fault)));
  t.true(size.operations < 2_000);
  const [first, again] = [await run(seed, size), await run(seed, size)];
  t.deepEqual(first.violations, ['synthetic: they met']);
  t.is(again.trace, first.trace);
});
