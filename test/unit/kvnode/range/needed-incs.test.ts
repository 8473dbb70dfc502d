// R9 after ZooKeeper was restored to an older state: which inc a node needs in place of the one that a descriptor gives it.

import test from 'ava';
import { NeededIncs } from '../../../../kvnode/range/needed-incs.ts';

const ROWS: readonly [what: string, given: number | undefined, lowest: number, needed: number | null][] = [
  ['no replica is to be here', undefined, 5, null],
  ['the inc was never here', 5, 5, null],
  ['a later one', 6, 5, null],
  ['one that was here before', 4, 5, 5],
];

for (const [what, given, lowest, needed] of ROWS) {
  test(`${what}: ${needed === null ? 'nothing is reported' : 'another one is needed'}`, (t) => {
    const incs = new NeededIncs();
    incs.learn(1, given, lowest);
    t.deepEqual(incs.report, needed === null ? {} : { neededIncs: [{ range: 1, inc: needed }] });
  });
}

test('a later descriptor with an inc that can be used ends it', (t) => {
  const incs = new NeededIncs();
  incs.learn(1, 4, 5);
  incs.learn(2, 1, 3);
  incs.learn(1, 5, 5);
  t.deepEqual(incs.report, { neededIncs: [{ range: 2, inc: 3 }] });
});
