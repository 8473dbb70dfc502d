// When a node settles the replacements that it has stepped.

import test from 'ava';
import { Settling } from '../../../../kvnode/range/settling.ts';
import { VirtualEnv } from '../../../support/virtual-env.ts';

/** A storage in which nothing is settled before `finish`. */
function settlingWorld() {
  const env = new VirtualEnv();
  const seen = { begun: 0, settled: 0 };
  let finish = (): void => {};
  let isSettled = false;
  const settling = new Settling({
    env,
    storage: {
      isSettled: () => isSettled,
      settle: () => {
        seen.begun++;
        return new Promise((resolve) => {
          finish = () => {
            isSettled = true;
            resolve();
          };
        });
      },
    },
    settled: () => seen.settled++,
  });
  return { env, seen, settling, finish: () => finish() };
}

test('after a step it waits until the children serve, and settles once for several steps', async (t) => {
  const { env, seen, settling } = settlingWorld();
  settling.later();
  settling.later();
  await env.run(400);
  t.is(seen.begun, 0);
  await env.run(1_200);
  t.is(seen.begun, 1);
});

test('a range that is about to be replaced does not wait, and is not settled twice at once', async (t) => {
  const { env, seen, settling, finish } = settlingWorld();
  settling.later();
  t.false(settling.ensure(1));
  t.false(settling.ensure(1));
  t.deepEqual(seen, { begun: 1, settled: 0 });
  finish();
  await env.run(0);
  t.deepEqual(seen, { begun: 1, settled: 1 });
  t.true(settling.ensure(1));
});

test('a node that is closed settles nothing any more', async (t) => {
  const { env, seen, settling } = settlingWorld();
  settling.later();
  settling.close();
  await env.run(5_000);
  t.is(seen.begun, 0);
});
