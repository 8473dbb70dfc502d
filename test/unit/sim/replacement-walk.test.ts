// S1 to S6 with a crash at every step: of the owner, of a follower, of two nodes, of the leading coordinator. The tests take one step in
// RANGEKEEPER_WALK_STRIDE, from another one each day; with 1 they take all.

import test from 'ava';
import { realEnv } from '../../../common/base/env.ts';
import { VERBS, VICTIMS, walk } from '../../sim/replacement-walk.ts';

const SEED = 7;
const stride = Number(process.env.RANGEKEEPER_WALK_STRIDE ?? 40);
const first = Math.floor(realEnv.wallNow() / 86_400_000) % stride;

for (const verb of VERBS) {
  test(`${verb}: without a crash`, async (t) => {
    const { steps, writes, violations } = await walk({ seed: SEED, verb, crash: null });
    t.deepEqual(violations, []);
    t.true(steps > 20, `${steps} steps`);
    // The request, the decision with its event, and the end of the parents. A merge may need hand-overs before that.
    if (verb !== 'merge') t.is(writes, 3);
  });

  for (const who of VICTIMS) {
    test(`${verb}: a crash of the ${who} at one step in ${stride}, from step ${first}`, async (t) => {
      const { steps } = await walk({ seed: SEED, verb, crash: null });
      t.timeout(600_000);
      for (let step = first; step < steps; step += stride) {
        const { violations, story } = await walk({ seed: SEED, verb, crash: { who, step } });
        t.deepEqual(violations, [], `step ${step} of ${steps}:\n${story(60)}`);
      }
    });
  }
}
