// The replicas of the benchmark of the replica core commit entries, also after their logs have dropped old ones.

import test from 'ava';
import { corePart } from '../../../bench/micro/core.ts';

test('everything proposed is committed, turn after turn', async (t) => {
  const { parts } = await corePart('unused');
  const [core] = parts;
  for (let turn = 0; turn < 100; turn++) t.is(await core?.own.run(), 64);
});
