// A failing run of the simulator is made smaller: in theory, and with a world that breaks when two kinds of fault have met.

import test from 'ava';
import { type RunResult, runSeed } from '../../sim/run.ts';
import { type Size, shrink } from '../../sim/shrink.ts';
import type { Cluster } from '../../sim/sim-cluster.ts';

const twenty = Array.from({ length: 20 }, (_, index) => index);

test('what is not needed goes', async (t) => {
  const cases: readonly (readonly number[])[] = [[], [0], [19], [3, 7], [0, 9, 10, 19], twenty];
  for (const needed of cases) {
    const size = await shrink({ operations: 2_000, only: twenty }, 1_000, async ({ operations, only }) => {
      return operations >= 120 && needed.every((fault) => only.includes(fault));
    });
    t.deepEqual(size, { operations: 125, only: needed });
  }
});

test('the tries are bounded, and the last size that failed is told', async (t) => {
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

/** Whoever pauses a node after ZooKeeper has had an election breaks this world. */
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

/** Which seeds meet both changes with the kinds of faults that there are. */
async function firstBroken(): Promise<RunResult> {
  for (let seed = 1; seed <= 50; seed++) {
    const whole = await run(seed, { operations: 2_000, only: null });
    if (whole.violations.length > 0) return whole;
  }
  throw new Error('both kinds have met in no seed');
}

test('a run shrinks to the faults that break it, and that run can be run again', async (t) => {
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
