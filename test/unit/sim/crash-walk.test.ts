// Splits, merges, moves, a drain and a drop with a crash at every step: of the owner, of a follower, of two nodes, of the leading
// coordinator. The tests take some of the steps, other ones each day: of a split one in RANGEKEEPER_WALK_STRIDE, of what has more
// steps fewer. With 1 they take all.

import test from 'ava';
import { realEnv } from '../../../common/base/env.ts';
import { VERBS, VICTIMS, walk } from '../../sim/crash-walk.ts';

const SEED = 7;
const STRIDE = Number(process.env.RANGEKEEPER_WALK_STRIDE ?? 40);
/** At most so many steps of a change are taken, unless all are. */
const STEPS_MAX = STRIDE === 1 ? Number.POSITIVE_INFINITY : 640 / STRIDE;
const DAY = Math.floor(realEnv.wallNow() / 86_400_000);
/** The request, the decision with its event, and the end of the parents. */
const WRITES: Readonly<Record<string, number>> = { split: 3, isolate: 3 };

for (const verb of VERBS) {
  test(`${verb}: without a crash`, async (t) => {
    const { steps, writes, violations } = await walk({ seed: SEED, verb, crash: null });
    t.deepEqual(violations, []);
    t.true(steps > 20, `${steps} steps`);
    // Other changes may need hand-overs, and have as many writes as there are ranges.
    if (WRITES[verb] !== undefined) t.is(writes, WRITES[verb]);
  });

  for (const who of VICTIMS) {
    test(`${verb}: a crash of the ${who} at some steps`, async (t) => {
      const { steps } = await walk({ seed: SEED, verb, crash: null });
      const stride = Math.max(STRIDE, Math.ceil(steps / STEPS_MAX));
      t.timeout(600_000);
      for (let step = DAY % stride; step < steps; step += stride) {
        const { violations, story } = await walk({ seed: SEED, verb, crash: { who, step } });
        t.deepEqual(violations, [], `step ${step} of ${steps}:\n${story(60)}`);
      }
    });
  }
}
