// Pauses between attempts: the schedule and its jitter.

import test from 'ava';
import { backoffMs, jittered } from '../../../common/base/backoff.ts';

const PAUSES: readonly (readonly [pauses: number, ms: number])[] = [
  [0, 20],
  [1, 40],
  [2, 80],
  [5, 640],
  [6, 1_000],
  [2_000, 1_000],
];

for (const [pauses, ms] of PAUSES)
  test(`after ${pauses} pauses the next one is ${ms} ms`, (t) => {
    t.is(backoffMs({ minMs: 20, maxMs: 1_000 }, pauses), ms);
  });

test('a bound below the first pause bounds it', (t) => {
  t.is(backoffMs({ minMs: 20, maxMs: 5 }, 0), 5);
});

test('jitter leaves between a half and all of the time', (t) => {
  const drawn = [0, 0.5, 1].map((random) => jittered(100, { random: () => random }));
  t.deepEqual(drawn, [50, 75, 100]);
});
