// R5: an owner that commits nothing hands over, and waits longer each time if that does not help. The tests have three replicas
// (test/support/replica-cluster.ts): a is owner of epoch 1, b and c follow, minInSync is 2.

import test from 'ava';
import { NODES, type ReplicaCluster } from '../../../support/replica-cluster.ts';
import { exchange, started } from '../../../support/replica-steps.ts';

/** For `ms` no message arrives; ZooKeeper works. Returns for how long each owner kept the range, s. */
function isolated(cluster: ReplicaCluster, ms: number): number[] {
  const begin = cluster.now;
  const kept: number[] = [];
  let { epoch } = cluster.descriptor;
  let since = begin;
  while (cluster.now < begin + ms) {
    cluster.tick(100);
    for (const id of NODES) cluster.syncAll(id);
    cluster.mail = [];
    while (cluster.casInFlight.length > 0) cluster.applyCas(0, true);
    if (cluster.descriptor.epoch === epoch) continue;
    for (const id of NODES) cluster.readDescriptor(id);
    ({ epoch } = cluster.descriptor);
    kept.push(Math.round((cluster.now - since) / 1_000));
    since = cluster.now;
  }
  return kept;
}

/** c is gone, so the in-sync set is at its minimum. */
function withoutC(): ReplicaCluster {
  const cluster = started();
  cluster.expire(cluster.member('c').session ?? '');
  cluster.crash('c');
  for (const id of NODES) cluster.readDescriptor(id);
  cluster.tick(5);
  exchange(cluster);
  return cluster;
}

test('R5: two members that cannot reach each other hand the range back and forth, each time later, and report it', (t) => {
  const cluster = withoutC();
  t.deepEqual(cluster.descriptor.inSync, ['a', 'b']);
  cluster.write('a');
  t.deepEqual(isolated(cluster, 150_000), [4, 4, 7, 7, 13, 13, 25, 25, 31]);
  t.deepEqual(
    cluster.stuck.map(({ unresponsive, failedHandOvers, waitMs }) => [
      unresponsive.join(),
      failedHandOvers,
      waitMs,
    ]),
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

test('R5: after a commit, or when a member comes back, the next hand-over has the shortest wait again', (t) => {
  const cluster = withoutC();
  cluster.write('a');
  isolated(cluster, 25_000);
  for (let round = 0; round < 10; round++) {
    cluster.tick(100);
    exchange(cluster, 1);
  }
  const owner = cluster.descriptor.owner.node;
  t.is(typeof cluster.write(owner), 'number', 'they reach each other again');
  exchange(cluster);
  cluster.write(owner);
  t.deepEqual(isolated(cluster, 8_000), [4, 4], 'something was committed');
  isolated(cluster, 20_000);
  cluster.restart('c');
  for (const id of NODES) cluster.readDescriptor(id);
  t.deepEqual(
    isolated(cluster, 8_000),
    [1, 4],
    'c is back: at once, because the owner has waited long enough',
  );
});
