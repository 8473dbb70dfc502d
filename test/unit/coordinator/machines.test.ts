// No two replicas of a range are on one machine, whatever happens to the nodes.

import test, { type ExecutionContext } from 'ava';
import { present } from '../../../common/base/assert.ts';
import { formatBytes } from '../../../common/base/bytes.ts';
import { withInSync, withReplica } from '../../../common/model/descriptor.ts';
import { DEFAULT_PLAN } from '../../../coordinator/config.ts';
import { changes, IDLE_MS, nodesOf, rangeSteps, SmallCluster } from '../../support/small-cluster.ts';

const config = DEFAULT_PLAN;

/** Nodes like a1, a2, b1: two on machine a, one on machine b. */
function startedOn(...nodes: readonly string[]): SmallCluster {
  const cluster = new SmallCluster();
  for (const node of nodes) cluster.start(node, { machine: node.slice(0, 1) });
  return cluster;
}

function settledOn(...nodes: readonly string[]): SmallCluster {
  const cluster = startedOn(...nodes);
  cluster.settle(config, IDLE_MS);
  return cluster;
}

function machinesOf(cluster: SmallCluster): readonly string[] {
  return cluster.descriptors.map((descriptor) =>
    nodesOf(descriptor)
      .map((node) => present(cluster.nodes.get(node)?.record.machine, node))
      .sort()
      .join(''),
  );
}

function areApart(t: ExecutionContext, cluster: SmallCluster, machines: string): void {
  t.true(cluster.descriptors.length > 0);
  for (const found of machinesOf(cluster)) t.is(found, machines);
}

test('the first ranges: replicas on different machines, on both nodes of each by turns', (t) => {
  const cluster = settledOn('a1', 'a2', 'b1', 'b2', 'c1', 'c2');
  areApart(t, cluster, 'abc');
  for (const node of cluster.nodes.keys())
    t.true(
      cluster.descriptors.some((descriptor) => nodesOf(descriptor).includes(node)),
      node,
    );
});

test('three nodes on two machines: two replicas, and the third once there is another machine', (t) => {
  const cluster = startedOn('a1', 'a2', 'b1');
  t.deepEqual(cluster.round(config, 0), [], 'the first ranges wait for a third machine');
  cluster.settle(config, IDLE_MS);
  areApart(t, cluster, 'ab');
  cluster.start('c1', { machine: 'c' });
  cluster.settle(config, IDLE_MS);
  areApart(t, cluster, 'abc');
});

test('a node is lost: another on its machine takes its replicas, and none beside another replica', (t) => {
  const cluster = settledOn('a1', 'b1', 'c1', 'b2');
  cluster.stop('a1');
  cluster.time += config.replaceAfterMs;
  cluster.settle(config, IDLE_MS);
  t.true(machinesOf(cluster).every((machines) => machines === 'abc'));
  cluster.start('a2', { machine: 'a' });
  cluster.settle(config, IDLE_MS);
  areApart(t, cluster, 'abc');
  for (const descriptor of cluster.descriptors) t.true(nodesOf(descriptor).includes('a2'));
});

test('replicas on one machine are parted, before numbers are evened out', (t) => {
  const cluster = settledOn('a1', 'b1', 'c1');
  const { record, version } = present(cluster.nodes.get('b1'), 'b1');
  cluster.nodes.set('b1', { record: { ...record, machine: 'a' }, version: version + 1 });
  cluster.start('d1', { machine: 'd' });
  cluster.settle(config, IDLE_MS);
  areApart(t, cluster, 'acd');
});

test('a drained node: its replicas go to other machines than the rest, or stay', (t) => {
  const cluster = settledOn('a1', 'b1', 'c1', 'c2');
  cluster.ask('t', { kind: 'drain', node: 'a1' });
  cluster.settle(config, IDLE_MS);
  t.is(cluster.tasks.get('t')?.record.state, 'running');
  t.regex(present(cluster.tasks.get('t'), 't').record.progress, /no place on another node/);
  areApart(t, cluster, 'abc');
});

test('a move beside another replica is refused; one from a node of the same machine is not', (t) => {
  const cluster = settledOn('a1', 'b1', 'c1', 'c2');
  const range = present(
    cluster.descriptors.find((descriptor) => nodesOf(descriptor).includes('c1')),
    'a range on c1',
  );
  cluster.ask('t', { kind: 'move', range: range.id, from: 'a1', to: 'c2' });
  cluster.round(config, 0);
  t.regex(present(cluster.tasks.get('t'), 't').record.progress, /c2 is on one machine with c1/);
  cluster.ask('u', { kind: 'move', range: range.id, from: 'c1', to: 'c2' });
  t.deepEqual(changes(rangeSteps(cluster.round(config, 0))), ['move-replica']);
});

test('a range that gets a home: the replica on the same machine makes way for it', (t) => {
  const cluster = settledOn('a1', 'b1', 'c1', 'c2');
  const range = present(
    cluster.descriptors.find((descriptor) => nodesOf(descriptor).includes('c1')),
    'a range on c1',
  );
  cluster.ask('t', { kind: 'isolate', range: range.id, node: 'c2' });
  for (let rounds = 0; rounds < 20; rounds++) {
    cluster.round(config, 1_000);
    for (const machines of machinesOf(cluster)) t.regex(machines, /^abcc?$/);
  }
  t.is(cluster.ranges.get(range.id)?.descriptor.owner.node, 'c2');
});

test('two ranges that are to be merged: a replica makes way for one on its own machine', (t) => {
  const cluster = settledOn('a1', 'b1', 'c1');
  for (const node of ['a2', 'b2', 'c2']) cluster.start(node, { machine: node.slice(0, 1) });
  cluster.settle(config, IDLE_MS);
  const [left] = cluster.descriptors;
  const key = formatBytes(present(left, 'a range').start);
  cluster.ask('t', { kind: 'merge', namespace: 'default', key });
  for (let rounds = 0; rounds < 40; rounds++) {
    for (const step of rangeSteps(cluster.round(config, 1_000))) {
      if (step.change !== 'move-replica') continue;
      t.is(step.after.retire?.slice(0, 1), step.node?.slice(0, 1), step.reason);
    }
  }
  t.is(cluster.tasks.get('t')?.record.state, 'done');
});

test('of two ranges that are to be merged the left one has no place for all replicas: the merge waits for a machine', (t) => {
  const cluster = settledOn('a1', 'a2', 'b1');
  const right = present(cluster.descriptors[1], 'a second range');
  const [more] = ['a1', 'a2'].filter((node) => !nodesOf(right).includes(node));
  const grown = withReplica(right, present(more, 'a node without a replica'));
  cluster.learn(withInSync(grown, nodesOf(grown)));
  cluster.ask('t', { kind: 'merge', namespace: 'default', key: '' });
  cluster.settle(config, IDLE_MS);
  t.regex(present(cluster.tasks.get('t'), 't').record.progress, /replicas are on different nodes/);
  t.is(cluster.ranges.get(right.id)?.descriptor.replicas.length, 3, 'the right one keeps its replicas');
  cluster.start('c1', { machine: 'c' });
  cluster.settle(config, IDLE_MS);
  t.is(cluster.tasks.get('t')?.record.state, 'done');
});
