// Plans for live nodes that cannot be reached, replicas that do not catch up, and nodes that are about to stop, as stories.
// small-cluster.ts plays the nodes.

import test from 'ava';
import { present } from '../../../common/base/assert.ts';
import {
  type Descriptor,
  withInSync,
  withoutReplica,
  withReplica,
  withRetire,
  withTransfer,
} from '../../../common/model/descriptor.ts';
import { DEFAULT_PLAN } from '../../../coordinator/config.ts';
import { dueInMs, plan } from '../../../coordinator/plan.ts';
import type { Step } from '../../../coordinator/step.ts';
import {
  changes,
  IDLE_MS,
  nodesOf,
  ownersOf,
  rangeSteps,
  type SmallCluster,
  settled,
  started,
} from '../../support/small-cluster.ts';

const config = DEFAULT_PLAN;

/** `n1 > n2`: the change of a range step, the node concerned, for tables. */
function placed(steps: readonly Step[]): readonly (string | null)[] {
  return rangeSteps(steps)
    .filter(({ change }) => change === 'add-replica' || change === 'move-replica')
    .map(({ node }) => node);
}

/** Three nodes with ranges, a fourth that is free, and one replica lost for good. */
function shortOfOne(): SmallCluster {
  const cluster = settled(3);
  cluster.start('n4');
  cluster.start('n5');
  for (const descriptor of cluster.descriptors) {
    if (descriptor.owner.node === 'n3') continue;
    cluster.learn(withInSync(descriptor, ['n1', 'n2']));
  }
  cluster.stop('n3');
  cluster.time += config.replaceAfterMs;
  return cluster;
}

test('nothing is placed on a node that has no connection with the owner, whichever of the two reports it', (t) => {
  for (const [from, to] of [
    ['n1', 'n4'],
    ['n4', 'n1'],
  ] as const) {
    const cluster = shortOfOne();
    cluster.cutOneWay(from, to);
    const steps = rangeSteps(plan(cluster.view(), config)).filter(({ change }) => change === 'add-replica');
    t.true(steps.length > 0);
    for (const { after, node } of steps) t.false(after.owner.node === 'n1' && node === 'n4', `${after.id}`);
    t.true(steps.some(({ after, node }) => after.owner.node === 'n1' && node === 'n5'));
  }
});

test('of two nodes, the one is chosen that is connected with the other members as well', (t) => {
  const cluster = shortOfOne();
  cluster.cut('n2', 'n4');
  for (const { after, node } of rangeSteps(plan(cluster.view(), config))) {
    if (after.owner.node === 'n1' && after.replicas.length === 4) t.is(node, 'n5');
  }
  t.pass();
});

test('a node that is cut off gets nothing, and is no reason to wait', (t) => {
  const cluster = shortOfOne();
  cluster.isolate('n4');
  t.deepEqual([...new Set(placed(plan(cluster.view(), config)))], ['n5']);
});

test('first ranges are made on nodes that are connected with each other', (t) => {
  const cluster = started(4);
  cluster.isolate('n1');
  cluster.round(config, 0);
  for (const descriptor of cluster.descriptors) t.deepEqual(nodesOf(descriptor), ['n2', 'n3', 'n4']);
});

test('if the cluster is cut in halves, first ranges stay within one half', (t) => {
  const cluster = started(4);
  for (const a of ['n1', 'n2']) for (const b of ['n3', 'n4']) cluster.cut(a, b);
  cluster.round(config, 0);
  for (const descriptor of cluster.descriptors)
    t.true(['n1,n2', 'n3,n4'].includes(nodesOf(descriptor).join()), nodesOf(descriptor).join());
});

test('a replica that its owner has not reached for long enough is replaced, and then removed', (t) => {
  const cluster = settled(4);
  for (const id of ['n2', 'n3', 'n4']) cluster.cutOneWay(id, 'n1');
  cluster.settle(config, IDLE_MS);
  t.false(ownersOf(cluster).includes('n1'), 'what it owned was handed over');
  for (const descriptor of cluster.descriptors) {
    t.deepEqual(nodesOf(descriptor), ['n2', 'n3', 'n4']);
    t.is(descriptor.inSync.length, 3);
  }
});

test('it is kept until then, and if there is no other node for it', (t) => {
  const cluster = settled(4);
  cluster.isolate('n1');
  cluster.view();
  cluster.time += config.replaceAfterMs - 1;
  t.deepEqual(placed(plan(cluster.view(), config)), []);
  cluster.time += 1;
  t.true(placed(plan(cluster.view(), config)).length > 0);

  const small = settled(3);
  small.isolate('n1');
  small.settle(config, IDLE_MS);
  for (const descriptor of small.descriptors) t.deepEqual(nodesOf(descriptor), ['n1', 'n2', 'n3']);
});

test('an owner that is cut off does not make its followers look lost', (t) => {
  const cluster = settled(5);
  cluster.isolate('n1');
  cluster.view();
  cluster.time += config.replaceAfterMs;
  const owned = plan(cluster.view(), config).filter(
    (step) => step.kind === 'range' && step.before.descriptor.owner.node === 'n1',
  );
  t.true(owned.length > 0);
  t.deepEqual([...new Set(changes(owned))], ['transfer']);
});

test('nor does it keep the replica that it is about to give up, as its followers are enough', (t) => {
  const cluster = settled(5);
  for (const descriptor of cluster.descriptors) {
    if (descriptor.owner.node !== 'n1') continue;
    const outside = present(
      [...cluster.live.keys()].find((node) => !nodesOf(descriptor).includes(node)),
      'a node without a replica',
    );
    const moving = withRetire(withReplica(descriptor, outside), 'n1');
    cluster.learn(withInSync(moving, [...descriptor.inSync, outside]));
  }
  cluster.isolate('n1');
  cluster.view();
  cluster.time += config.replaceAfterMs;
  const owned = plan(cluster.view(), config).filter(
    (step) => step.kind === 'range' && step.before.descriptor.owner.node === 'n1',
  );
  t.deepEqual([...new Set(changes(owned))], ['transfer']);
});

test('a learner that does not catch up is replaced, although its node can be reached', (t) => {
  const cluster = settled(3);
  cluster.start('n4');
  cluster.start('n5');
  const range = present(cluster.descriptors[0], 'a range');
  const follower = present(
    range.inSync.find((node) => node !== range.owner.node),
    'a follower',
  );
  cluster.stuck.add('n4');
  const inSync = range.inSync.filter((node) => node !== follower);
  cluster.stop(follower);
  cluster.learn(withReplica(withInSync(range, inSync), 'n4'));
  cluster.view();
  cluster.time += config.replaceAfterMs;
  cluster.settle(config, IDLE_MS);
  const after = present(cluster.ranges.get(range.id), 'the range').descriptor;
  t.false(nodesOf(after).includes('n4'), nodesOf(after).join());
  t.is(after.inSync.length, 3);
});

test('a node is tried again once it has restarted', (t) => {
  const cluster = settled(3);
  cluster.start('n4');
  cluster.stuck.add('n4');
  cluster.settle(config, IDLE_MS);
  const used = () => cluster.descriptors.some((descriptor) => nodesOf(descriptor).includes('n4'));
  t.false(used());
  t.is(cluster.nodes.get('n4')?.record.noted?.stuckIn, cluster.live.get('n4')?.session);
  cluster.stuck.clear();
  cluster.start('n4');
  cluster.settle(config, IDLE_MS);
  t.true(used());
});

/** Four nodes. The leader has noted that replicas on n4 do not catch up. */
function noted(ranges: number, inSync: number): SmallCluster {
  const cluster = settled(3);
  cluster.start('n4');
  cluster.stuck.add('n4');
  // Some have been in-sync there all along.
  for (const [at, range] of cluster.descriptors.slice(0, ranges).entries()) {
    const wider = withReplica(range, 'n4');
    cluster.learn(at < inSync ? withInSync(wider, [...range.inSync, 'n4']) : wider);
  }
  cluster.view();
  cluster.time += config.replaceAfterMs;
  const note = plan(cluster.view(), config).find((step) => step.kind === 'note-node');
  cluster.execute(present(note, 'a note'));
  return cluster;
}

const stays = test.macro({
  title: (_, what: string, is: boolean) => `the note ${is ? 'stays' : 'goes at once'} if ${what}`,
  exec(t, _: string, is: boolean, happens: (cluster: SmallCluster) => void) {
    const cluster = noted(3, 1);
    t.is(cluster.nodes.get('n4')?.record.noted?.stuckIn, cluster.live.get('n4')?.session);
    cluster.view();
    cluster.stuck.clear();
    happens(cluster);
    t.deepEqual(notes(cluster), is ? [] : ['node-unstuck n4']);
  },
});
const [others, all] = [
  ({ inSync }: Descriptor) => inSync.filter((node) => node !== 'n4'),
  ({ inSync }: Descriptor) => [...new Set([...inSync, 'n4'])],
];
test(stays, 'a replica has caught up', false, (cluster) => {
  const range = present(cluster.descriptors[1], 'a range');
  cluster.learn(withInSync(range, all(range)));
  // The other one that was stuck has been replaced.
  cluster.learn(withoutReplica(present(cluster.descriptors[2], 'a range'), 'n4'));
});
test(stays, 'one that had been in-sync has come back', false, (cluster) => {
  for (const range of cluster.descriptors.slice(1)) cluster.learn(withoutReplica(range, 'n4'));
  const range = present(cluster.descriptors[0], 'a range');
  cluster.learn(withInSync(range, others(range)));
  cluster.view();
  cluster.learn(withInSync(range, all(range)));
});
test(stays, 'one is in-sync as it has always been, and the stuck ones were removed', true, (cluster) => {
  for (const range of cluster.descriptors.slice(1)) cluster.learn(withoutReplica(range, 'n4'));
});
test(stays, 'one has caught up on another node', true, (cluster) => {
  for (const range of cluster.descriptors.slice(1)) cluster.learn(withoutReplica(range, 'n4'));
  const range = present(cluster.descriptors[0], 'a range');
  const follower = present(
    range.inSync.find((node) => node !== range.owner.node && node !== 'n4'),
    'a follower',
  );
  cluster.learn(
    withInSync(
      range,
      range.inSync.filter((node) => node !== follower),
    ),
  );
  cluster.view();
  cluster.learn(range);
});
test(stays, 'one has caught up and another one is still stuck', true, (cluster) => {
  cluster.stuck.add('n4');
  const range = present(cluster.descriptors[1], 'a range');
  cluster.learn(withInSync(range, all(range)));
});

test('a node is noted again if replicas get stuck again, and earlier catch-ups do not count', (t) => {
  const cluster = noted(3, 1);
  cluster.view();
  const range = present(cluster.descriptors[1], 'a range');
  cluster.learn(withInSync(range, all(range)));
  cluster.stuck.clear();
  cluster.learn(withoutReplica(present(cluster.descriptors[2], 'a range'), 'n4'));
  cluster.round(config, 0, 'idle');
  t.is(cluster.nodes.get('n4')?.record.noted?.stuckIn, null);
  cluster.stuck.add('n4');
  cluster.learn(withReplica(present(cluster.descriptors[2], 'a range'), 'n4'));
  cluster.view();
  cluster.time += config.replaceAfterMs;
  for (const step of plan(cluster.view(), config)) if (step.kind === 'note-node') cluster.execute(step);
  t.is(cluster.nodes.get('n4')?.record.noted?.stuckIn, cluster.live.get('n4')?.session);
  cluster.learn(withoutReplica(present(cluster.descriptors[2], 'a range'), 'n4'));
  t.deepEqual(notes(cluster), []);
});

test('no more replicas are placed on a node where one does not catch up', (t) => {
  const cluster = settled(3);
  cluster.start('n4');
  cluster.stuck.add('n4');
  for (const descriptor of cluster.descriptors) cluster.learn(withReplica(descriptor, 'n4'));
  cluster.view();
  cluster.time += config.replaceAfterMs;
  const useless = rangeSteps(plan(cluster.view(), config));
  t.true(useless.length > 0);
  t.true(useless.every(({ change, node }) => change === 'remove-replica' && node === 'n4'));
  for (const step of useless.slice(1)) cluster.execute(step);
  cluster.time += config.balanceAfterMs;
  t.deepEqual(placed(plan(cluster.view(), config)), []);
});

test('a node that is about to stop, or unhealthy, gets no range and no replica', (t) => {
  for (const trouble of ['stopping', 'unhealthy']) {
    const cluster = shortOfOne();
    cluster.time += config.balanceAfterMs;
    if (trouble === 'unhealthy') cluster.unhealthy.add('n4');
    else cluster.setStanding('n4', 'stopping');
    t.deepEqual([...new Set(placed(plan(cluster.view(), config)))], ['n5'], trouble);
  }
});

test('a hand-over to a node that is about to stop is cancelled; its own ranges it hands over by itself', (t) => {
  const cluster = settled(3);
  const range = present(
    cluster.descriptors.find(({ owner }) => owner.node === 'n1'),
    'range',
  );
  cluster.learn(withTransfer(range, 'n2'));
  cluster.setStanding('n2', 'stopping');
  const steps = rangeSteps(plan(cluster.view(), config));
  t.deepEqual(changes(steps), ['cancel-transfer']);
});

const promoted = test.macro({
  exec(t, _: string, prepare: (cluster: SmallCluster, followers: readonly string[]) => void) {
    const cluster = settled(3);
    const range = present(cluster.descriptors[0], 'a range');
    const followers = range.inSync.filter((node) => node !== range.owner.node);
    const [poor = '', good = ''] = followers;
    prepare(cluster, followers);
    cluster.stop(range.owner.node);
    const step = rangeSteps(plan(cluster.view(), config)).find(({ after }) => after.id === range.id);
    t.is(step?.change, 'promote');
    t.is(step?.after.owner.node, good, `not ${poor}`);
  },
  title: (_, what: string) => `the other member is promoted if one ${what}`,
});
test(promoted, 'is about to stop', (cluster, [poor = '']) => cluster.setStanding(poor, 'stopping'));
test(promoted, 'is unhealthy', (cluster, [poor = '']) => cluster.unhealthy.add(poor));
test(promoted, 'drains', (cluster, [poor = '']) => cluster.setMode(poor, 'draining'));
test(promoted, 'is cut off', (cluster, [poor = '', good = '']) => {
  cluster.start('n4');
  cluster.cut(poor, good);
  cluster.cut(poor, 'n4');
});

test('any in-sync member is promoted if there is no better one', (t) => {
  const cluster = settled(2);
  const range = present(cluster.descriptors[0], 'a range');
  const other = present(
    range.inSync.find((node) => node !== range.owner.node),
    'the other',
  );
  cluster.setStanding(other, 'stopping');
  cluster.stop(range.owner.node);
  t.is(
    rangeSteps(plan(cluster.view(), config)).find(({ after }) => after.id === range.id)?.after.owner.node,
    other,
  );
});

/** The kinds of the notes in a plan, with the nodes. */
function notes(cluster: SmallCluster): readonly string[] {
  return plan(cluster.view(), config).flatMap((step) =>
    step.kind === 'note-node' ? [`${step.change} ${step.before.record.id}`] : [],
  );
}

test('that a node cannot be reached is noted after a while, with the reporting nodes, and taken back at once', (t) => {
  const cluster = settled(4);
  for (const id of ['n2', 'n3', 'n4']) cluster.cutOneWay(id, 'n1');
  t.deepEqual(notes(cluster), []);
  t.is(dueInMs(cluster.view(), config), config.noteAfterMs);
  cluster.time += config.noteAfterMs;
  t.deepEqual(notes(cluster), ['node-unreachable n1']);
  const [step] = plan(cluster.view(), config).filter(({ kind }) => kind === 'note-node');
  t.regex(present(step, 'a note').reason, /n1 has no connection with n2, n3, n4: it gets no replicas/);
  cluster.round(config, 0, 'idle');
  t.deepEqual(cluster.nodes.get('n1')?.record.noted, {
    downSince: null,
    stuckIn: null,
    unreachable: { by: ['n2', 'n3', 'n4'], since: cluster.time - config.noteAfterMs, cutOff: true },
  });
  t.deepEqual(notes(cluster), [], 'it is noted once');
  cluster.endFaults();
  t.deepEqual(notes(cluster), ['node-reachable n1']);
  cluster.round(config, 0, 'idle');
  t.is(cluster.nodes.get('n1')?.record.noted?.unreachable, null);
  t.deepEqual(notes(cluster), []);
});

test('that a node is down is noted after a while, with the time, and taken back at once', (t) => {
  const cluster = settled(3);
  cluster.stop('n1');
  const stopped = cluster.time;
  t.deepEqual(notes(cluster), []);
  cluster.time += config.noteAfterMs;
  t.deepEqual(notes(cluster), ['node-down n1']);
  cluster.time += 500;
  cluster.round(config, 0);
  t.is(cluster.nodes.get('n1')?.record.noted?.downSince, stopped);
  t.deepEqual(notes(cluster), []);
  cluster.start('n1');
  t.deepEqual(notes(cluster), ['node-up n1']);
  cluster.round(config, 0);
  t.is(cluster.nodes.get('n1')?.record.noted?.downSince, null);
});
