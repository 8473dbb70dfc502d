// Random walks over three replicas (test/support/replica-walk.ts), with new seeds each time. A failing walk shows its seed.
// RANGEKEEPER_WALK_SEED=<seed> runs that walk alone.

import test from 'ava';
import { realEnv } from '../../../../common/base/env.ts';
import { walk } from '../../../support/replica-walk.ts';

const WALKS = 250;

const given = process.env.RANGEKEEPER_WALK_SEED;
const seeds =
  given === undefined
    ? Array.from({ length: WALKS }, () => Math.floor(realEnv.random() * 2 ** 31))
    : [Number(given)];

test('no acknowledged write is lost on any walk, and every walk ends writable', (t) => {
  let acknowledged = 0;
  let epochs = 0;
  for (const seed of seeds) {
    try {
      const done = walk(seed);
      acknowledged += done.acknowledged;
      epochs += done.epochs;
    } catch (error) {
      t.fail(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
      return;
    }
  }
  t.true(given !== undefined || acknowledged > seeds.length * 20, `walks do write: ${acknowledged}`);
  t.true(given !== undefined || epochs > seeds.length * 2, `walks do fail over: ${epochs}`);
});
