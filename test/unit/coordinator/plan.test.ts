// Plans as stories: nodes come, die, return and drain, and the ranges follow. small-cluster.ts plays the nodes.

import test from 'ava';
import { present } from '../../../common/base/assert.ts';
import { isInSync, withInSync, withMove, withOwner, withTransfer } from '../../../common/model/descriptor.ts';
import { DEFAULT_PLAN } from '../../../coordinator/config.ts';
import { dueInMs, plan } from '../../../coordinator/plan.ts';
import {
  changes,
  counts,
  createTask,
  IDLE_MS,
  nodesOf,
  ownersOf,
  rangeSteps,
  SmallCluster,
  settled,
  started,
} from '../../support/small-cluster.ts';

const config = DEFAULT_PLAN;

test('three nodes: three ranges at once, in one step, one owned by each', (t) => {
  const cluster = started(3);
  const steps = cluster.round(config, 0);
  t.deepEqual(changes(steps), ['create-namespace']);
  t.deepEqual(ownersOf(cluster).toSorted(), ['n1', 'n2', 'n3']);
  for (const descriptor of cluster.descriptors) {
    t.deepEqual(nodesOf(descriptor), ['n1', 'n2', 'n3']);
    t.deepEqual(descriptor.inSync, ['n1', 'n2', 'n3']);
    t.is(descriptor.minInSync, 2);
    t.is(descriptor.epoch, 1);
    t.is(cluster.live.get(descriptor.owner.node)?.session, descriptor.owner.session);
  }
  t.is(cluster.cluster.record.nextRangeId, 4);
});

test('two nodes: the first ranges wait for a third, but not for ever', (t) => {
  const cluster = started(2);
  t.deepEqual(plan(cluster.view(), config), []);
  t.is(dueInMs(cluster.view(), config), config.firstRangesAfterMs);
  cluster.time += config.firstRangesAfterMs;
  t.deepEqual(changes(cluster.round(config, 0)), ['create-namespace']);
  t.deepEqual(cluster.descriptors.map(nodesOf), [
    ['n1', 'n2'],
    ['n1', 'n2'],
  ]);
});

test('with initialNodes 1 one node begins alone, and replicas are added as nodes come', (t) => {
  const alone = { ...config, initialNodes: 1 };
  const cluster = started(1);
  cluster.round(alone, 0);
  t.deepEqual(cluster.descriptors.map(nodesOf), [['n1']]);
  t.is(present(cluster.descriptors[0], 'range').minInSync, 1);
  cluster.start('n2');
  cluster.start('n3');
  cluster.settle(alone, IDLE_MS);
  const range = present(cluster.descriptors[0], 'range');
  t.deepEqual(nodesOf(range), ['n1', 'n2', 'n3']);
  t.is(range.minInSync, 2);
});

test('an owner is killed: its range goes to the in-sync member that owns least, and everything else stays', (t) => {
  const cluster = settled(3);
  const before = present(
    cluster.descriptors.find((d) => d.owner.node === 'n1'),
    'range',
  );
  cluster.stop('n1');
  const steps = rangeSteps(plan(cluster.view(), config));
  t.deepEqual(changes(steps), ['promote']);
  const after = present(steps[0], 'step').after;
  t.is(after.id, before.id);
  t.is(after.epoch, before.epoch + 1);
  t.true(['n2', 'n3'].includes(after.owner.node));
  t.regex(present(steps[0], 'step').reason, /n1 has ended/);
});

test('an owner with a new session is promoted again, and does not count as the old owner', (t) => {
  const cluster = settled(1);
  cluster.start('n1');
  const step = present(rangeSteps(plan(cluster.view(), config))[0], 'step');
  t.is(step.change, 'promote');
  t.is(cluster.live.get('n1')?.session, step.after.owner.session);
});

test('if no in-sync member is live, nobody is promoted', (t) => {
  const cluster = settled(3);
  for (const descriptor of cluster.descriptors) {
    if (descriptor.owner.node !== 'n3') cluster.learn(withInSync(descriptor, ['n1', 'n2']));
  }
  cluster.stop('n1');
  cluster.stop('n2');
  const steps = rangeSteps(plan(cluster.view(), config));
  t.false(steps.some((step) => !isInSync(step.before.descriptor, step.after.owner.node)));
  t.deepEqual(changes(steps), []);
});

test('a node gone for good: a fourth takes its replicas, then it is removed', (t) => {
  const cluster = settled(4);
  cluster.stop('n1');
  cluster.round(config, 0);
  t.deepEqual(plan(cluster.view(), config), [], 'it may come back');
  cluster.settle(config, IDLE_MS);
  for (const descriptor of cluster.descriptors) t.deepEqual(nodesOf(descriptor), ['n2', 'n3', 'n4']);
});

test('a dead node that is marked as gone is replaced without a wait, and can be forgotten then', (t) => {
  const cluster = settled(3);
  cluster.stop('n3');
  cluster.start('n4');
  cluster.setMode('n3', 'gone');
  const begun = cluster.time;
  while (cluster.descriptors.some((descriptor) => nodesOf(descriptor).includes('n3'))) {
    cluster.round(config, 100);
    t.true(cluster.time - begun < 2_000, 'within some rounds');
  }
  for (const descriptor of cluster.descriptors) t.deepEqual(nodesOf(descriptor), ['n1', 'n2', 'n4']);
  cluster.ask('t', { kind: 'forget-node', node: 'n3' });
  cluster.round(config, 100);
  t.false(cluster.nodes.has('n3'));
});

test('a node is gone for good and there is no other to replace it: its replicas are kept', (t) => {
  const cluster = settled(3);
  cluster.stop('n1');
  cluster.settle(config, IDLE_MS);
  for (const descriptor of cluster.descriptors) t.deepEqual(nodesOf(descriptor), ['n1', 'n2', 'n3']);
});

test('a lost node that comes back while it is replaced leaves no surplus', (t) => {
  const cluster = settled(4);
  cluster.stop('n1');
  cluster.round(config, config.replaceAfterMs);
  cluster.round(config, 0);
  cluster.start('n1');
  cluster.settle(config, IDLE_MS);
  for (const descriptor of cluster.descriptors) t.is(descriptor.replicas.length, 3);
  t.deepEqual(counts(ownersOf(cluster), cluster.nodes.keys()), [1, 1, 1, 1]);
});

test('a returned node gets its share of owners again, once it has been there for a while', (t) => {
  const cluster = settled(3);
  cluster.stop('n1');
  cluster.settle(config, IDLE_MS);
  cluster.start('n1');
  cluster.round(config, 0);
  t.deepEqual(plan(cluster.view(), config), []);
  cluster.settle(config, IDLE_MS);
  t.deepEqual(ownersOf(cluster).toSorted(), ['n1', 'n2', 'n3']);
});

test('ranges whose owner has just changed are not moved for a while', (t) => {
  const cluster = settled(3);
  const transferee = present(cluster.live.get('n2'), 'n2');
  for (const descriptor of cluster.descriptors)
    cluster.learn(withOwner(descriptor, 'n2', transferee.session));
  t.deepEqual(plan(cluster.view(), config), []);
  t.is(dueInMs(cluster.view(), config), config.balanceAfterMs);
  cluster.time += config.balanceAfterMs;
  t.deepEqual(changes(plan(cluster.view(), config)), ['transfer', 'transfer']);
});

/** Four nodes. Each replica on n1 is about to move to the node that has no replica of its range. n1 owns nothing. */
function leavingN1(): SmallCluster {
  const cluster = settled(4);
  for (const descriptor of cluster.descriptors) {
    const [transferee] = descriptor.inSync.filter((node) => node !== 'n1');
    const live = present(cluster.live.get(transferee ?? ''), 'transferee');
    const owned = descriptor.owner.node === 'n1' ? withOwner(descriptor, live.id, live.session) : descriptor;
    const to = present(
      [...cluster.nodes.keys()].find((node) => !nodesOf(descriptor).includes(node)),
      'free node',
    );
    cluster.learn(to === 'n1' ? owned : withMove(owned, 'n1', to));
  }
  cluster.time += config.balanceAfterMs;
  return cluster;
}

test('nothing is handed over to a replica that is to retire', (t) => {
  const steps = rangeSteps(plan(leavingN1().view(), { ...config, movesAtOnce: 1 }));
  t.deepEqual(
    steps.filter((step) => step.after.transferTo === 'n1'),
    [],
  );
});

test('a replica that was to retire is kept if another one is lost first', (t) => {
  const cluster = leavingN1();
  const moving = present(
    cluster.descriptors.find((descriptor) => descriptor.retire === 'n1'),
    'a move',
  );
  const [victim] = moving.inSync.filter((node) => node !== 'n1' && node !== moving.owner.node);
  cluster.stop(present(victim, 'victim'));
  cluster.time += config.replaceAfterMs;
  const step = rangeSteps(plan(cluster.view(), config)).find(({ after }) => after.id === moving.id);
  t.is(step?.change, 'keep-replica');
  t.is(step?.after.retire, null);
});

test('a hand-over whose transferee is gone is cancelled', (t) => {
  const cluster = settled(3);
  const range = present(
    cluster.descriptors.find((descriptor) => descriptor.owner.node === 'n1'),
    'range',
  );
  cluster.learn(withTransfer(range, 'n2'));
  cluster.stop('n2');
  const step = rangeSteps(plan(cluster.view(), config)).find(({ after }) => after.id === range.id);
  t.is(step?.change, 'cancel-transfer');
  t.is(step?.after.transferTo, null);
});

test('a draining node owns nothing and gets nothing, but keeps its replicas', (t) => {
  const cluster = settled(3);
  cluster.setMode('n2', 'draining');
  cluster.settle(config, IDLE_MS);
  t.false(ownersOf(cluster).includes('n2'));
  for (const descriptor of cluster.descriptors) t.true(nodesOf(descriptor).includes('n2'));
});

test('a live node that is to leave the cluster loses its replicas as soon as others have them', (t) => {
  const cluster = settled(4);
  cluster.setMode('n2', 'gone');
  cluster.settle(config, IDLE_MS);
  for (const descriptor of cluster.descriptors) t.deepEqual(nodesOf(descriptor), ['n1', 'n3', 'n4']);
});

test('the replicas of a range come to different zones', (t) => {
  const cluster = started(3);
  cluster.settle(config, IDLE_MS);
  cluster.start('n4', { zone: 'other' });
  cluster.start('n5', { zone: 'third' });
  cluster.settle(config, IDLE_MS);
  for (const descriptor of cluster.descriptors) {
    const zones = descriptor.replicas.map(({ node }) => cluster.nodes.get(node)?.record.zone);
    t.is(new Set(zones).size, 3, JSON.stringify(zones));
  }
});

test('a node of double capacity holds about twice as much', (t) => {
  const cluster = new SmallCluster();
  for (const id of ['n1', 'n2', 'n3', 'n4']) cluster.start(id, { capacity: id === 'n1' ? 2 : 1 });
  cluster.ask('t', createTask({ replicationFactor: 1, splitAt: [...'abcdefghi'] }));
  cluster.settle(config, IDLE_MS);
  const ofTask = cluster.descriptors.filter((descriptor) => descriptor.namespace === 'logs');
  const [first, ...others] = counts(ofTask.flatMap(nodesOf), ['n1', 'n2', 'n3', 'n4']);
  t.true(others.every((count) => present(first, 'n1') > count));
});

test('a range that is set aside does not keep others from being moved to a new node', (t) => {
  const cluster = settled(3);
  cluster.start('n4');
  cluster.time += IDLE_MS;
  const first = present(rangeSteps(plan(cluster.view(), config))[0], 'a move');
  t.is(first.change, 'move-replica');
  cluster.setAside.add(`range ${first.after.id}`);
  const [next] = rangeSteps(plan(cluster.view(), config));
  t.is(next?.change, 'move-replica');
  t.not(next?.after.id, first.after.id);
});
