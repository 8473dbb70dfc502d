// R5: owners that commit nothing hand over, and less and less often where that does not help. Stories over three replicas
// (test/support/replica-cluster.ts): a is owner of epoch 1, b and c follow, minInSync is 2.

import test from 'ava';
import { NODES, type ReplicaCluster } from '../../../support/replica-cluster.ts';
import { exchange, started } from '../../../support/replica-steps.ts';

/** For so long nobody hears anybody, but for ZooKeeper. Gives how long each owner kept the range, ms. */
function apart(cluster: ReplicaCluster, ms: number): number[] {
  const begun = cluster.now;
  const kept: number[] = [];
  let { epoch } = cluster.descriptor;
  let since = begun;
  while (cluster.now < begun + ms) {
    cluster.tick(100);
    for (const id of NODES) cluster.syncAll(id);
    cluster.mail = [];
    while (cluster.casInFlight.length > 0) cluster.carryOutCas(0, true);
    if (cluster.descriptor.epoch === epoch) continue;
    for (const id of NODES) cluster.readDescriptor(id);
    ({ epoch } = cluster.descriptor);
    kept.push(Math.round((cluster.now - since) / 1_000));
    since = cluster.now;
  }
  return kept;
}

/** c is gone, so that a and b are as few as may be in-sync. */
function withoutC(): ReplicaCluster {
  const cluster = started();
  cluster.expire(cluster.member('c').session ?? '');
  cluster.crash('c');
  for (const id of NODES) cluster.readDescriptor(id);
  cluster.tick(5);
  exchange(cluster);
  return cluster;
}

test('R5: two members that do not hear each other pass the range to and fro more and more seldom, and say so', (t) => {
  const cluster = withoutC();
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b']);
  cluster.write('a');
  t.deepEqual(apart(cluster, 150_000), [4, 4, 7, 7, 13, 13, 25, 25, 31]);
  t.deepEqual(
    cluster.stuck.map(({ silent, inVain, waitMs }) => [silent.join(), inVain, waitMs]),
    [
      ['b', 1, 6_000],
      ['a', 1, 6_000],
      ['b', 2, 12_000],
      ['a', 2, 12_000],
      ['b', 3, 24_000],
      ['a', 3, 24_000],
      ['b', 4, 30_000],
      ['a', 4, 30_000],
    ],
  );
});

test('R5: a commit, or a member that comes back, makes the next hand-over due as soon as ever', (t) => {
  const cluster = withoutC();
  cluster.write('a');
  apart(cluster, 25_000);
  for (let round = 0; round < 10; round++) {
    cluster.tick(100);
    exchange(cluster, 1);
  }
  const owner = cluster.descriptor.owner.node;
  t.is(typeof cluster.write(owner), 'number', 'they hear each other again');
  exchange(cluster);
  cluster.write(owner);
  t.deepEqual(apart(cluster, 8_000), [4, 4], 'something was committed');
  apart(cluster, 20_000);
  cluster.restart('c');
  for (const id of NODES) cluster.readDescriptor(id);
  t.deepEqual(apart(cluster, 8_000), [1, 4], 'c is there again: at once, as the owner has waited for long');
});
