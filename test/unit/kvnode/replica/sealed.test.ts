// S2: an owner that seals its range, to end it.

import test from 'ava';
import { present } from '../../../../common/base/assert.ts';
import { ReplicaCluster } from '../../../support/replica-cluster.ts';
import { exchange, started } from '../../../support/replica-steps.ts';

test('S2: a sealed range takes no writes, answers reads, and ends only once everything in its log is committed', (t) => {
  const cluster = started();
  cluster.write('a');
  const ownership = present(cluster.member('a').replica.ownership, 'the ownership');
  t.true(ownership.seal());
  t.is(cluster.write('a'), 'NOT_READY');
  t.is(cluster.member('a').replica.readRefusal(1), null);
  t.is(ownership.ending, null, 'the write is not committed');
  exchange(cluster);
  t.is(ownership.ending?.final.seq, 2);
  ownership.unseal();
  t.is(ownership.ending, null);
  t.not(cluster.write('a'), 'NOT_READY');
});

test('S2: nothing is sealed before EpochStart is committed', (t) => {
  const cluster = new ReplicaCluster();
  const ownership = present(cluster.member('a').replica.ownership, 'the ownership');
  t.false(ownership.seal());
  exchange(cluster);
  t.true(ownership.seal());
});
