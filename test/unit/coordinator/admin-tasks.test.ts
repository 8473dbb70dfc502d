// What administrators ask for of nodes, ranges and namespaces, as far as the leader. The nodes of these clusters do what is requested at once.

import test from 'ava';
import { present } from '../../../common/base/assert.ts';
import { formatBytes } from '../../../common/base/bytes.ts';
import { type Descriptor, incOf, withOwner } from '../../../common/model/descriptor.ts';
import type { TaskRecord, TaskRequest } from '../../../common/model/records.ts';
import { DEFAULT_PLAN } from '../../../coordinator/config.ts';
import { rangeKey } from '../../../coordinator/set-aside.ts';
import { createTask, IDLE_MS, nodesOf, SmallCluster, settled } from '../../support/small-cluster.ts';

function ask(cluster: SmallCluster, request: TaskRequest, id = 't'): TaskRecord {
  cluster.ask(id, request);
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  return present(cluster.tasks.get(id), 'the task').record;
}

function serving(cluster: SmallCluster): readonly Descriptor[] {
  return cluster.descriptors.filter(({ state }) => state === 'serving');
}

function first(cluster: SmallCluster): Descriptor {
  return present(serving(cluster)[0], 'a range');
}

function outsider(cluster: SmallCluster, descriptor: Descriptor): string {
  return present(
    [...cluster.live.keys()].find((node) => incOf(descriptor, node) === undefined),
    'a node without a replica',
  );
}

// ---- nodes -------------------------------------------------------------------------------------------------------

test('a drain moves everything off the node, and is done when it holds nothing', (t) => {
  const cluster = settled(5);
  const { state, progress } = ask(cluster, { kind: 'drain', node: 'n1' });
  t.is(state, 'done');
  t.regex(progress, /empty: it is safe to switch off/);
  for (const descriptor of serving(cluster)) {
    t.false(nodesOf(descriptor).includes('n1'));
    t.is(descriptor.inSync.length, 3);
  }
});

test('a drain waits where there is no other place, and says so; a new node lets it end', (t) => {
  const cluster = settled(3);
  const waits = ask(cluster, { kind: 'drain', node: 'n1' });
  t.is(waits.state, 'running');
  t.regex(waits.progress, /have no place on another node: add a node/);
  t.true(
    serving(cluster).every(({ owner }) => owner.node !== 'n1'),
    'owners leave at once',
  );
  cluster.start('n4');
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  t.is(cluster.tasks.get('t')?.record.state, 'done');
});

test('undrain ends a drain, and the node gets ranges again', (t) => {
  const cluster = settled(3);
  ask(cluster, { kind: 'drain', node: 'n1' });
  t.is(ask(cluster, { kind: 'undrain', node: 'n1' }, 'u').state, 'done');
  t.is(cluster.tasks.get('t')?.record.state, 'failed');
  t.regex(cluster.tasks.get('t')?.record.progress ?? '', /does not drain any more/);
  t.true(serving(cluster).some(({ owner }) => owner.node === 'n1'));
});

test('decommission: the node is emptied first, and then it is gone', (t) => {
  const cluster = settled(4);
  t.is(ask(cluster, { kind: 'decommission', node: 'n1' }).state, 'done');
  t.is(cluster.nodes.get('n1')?.record.mode, 'gone');
  t.false(serving(cluster).some((descriptor) => nodesOf(descriptor).includes('n1')));
});

// ---- ranges ------------------------------------------------------------------------------------------------------

test('a move: done when the old replica is removed, and the new one is in-sync', (t) => {
  const cluster = settled(5);
  const range = first(cluster);
  const to = outsider(cluster, range);
  const from = present(
    range.inSync.find((node) => node !== range.owner.node),
    'a follower',
  );
  cluster.ask('t', { kind: 'pin', range: range.id, pinned: true });
  const { state, progress } = ask(cluster, { kind: 'move', range: range.id, from, to }, 'm');
  t.is(state, 'done', progress);
  const after = present(cluster.ranges.get(range.id), 'the range').descriptor;
  t.true(after.inSync.includes(to));
  t.false(nodesOf(after).includes(from), 'and the balance has not moved a pinned range back');
});

test('a move that is cancelled leaves the range with the replicas that it had', (t) => {
  const cluster = settled(5);
  const range = first(cluster);
  const to = outsider(cluster, range);
  const from = present(
    range.inSync.find((node) => node !== range.owner.node),
    'a follower',
  );
  cluster.ask('m', { kind: 'move', range: range.id, from, to });
  cluster.round(DEFAULT_PLAN, 1, 'idle');
  t.is(cluster.tasks.get('m')?.record.state, 'running');
  t.is(ask(cluster, { kind: 'cancel', task: 'm' }, 'c').state, 'done');
  t.is(cluster.tasks.get('m')?.record.state, 'failed');
  t.regex(cluster.tasks.get('m')?.record.progress ?? '', /cancelled/);
  const after = present(cluster.ranges.get(range.id), 'the range').descriptor;
  t.deepEqual([...nodesOf(after)].sort(), [...nodesOf(range)].sort());
});

test('isolate: the node owns that range and nothing else, also after it was away; unpin ends it', (t) => {
  const cluster = settled(5);
  const range = first(cluster);
  const node = outsider(cluster, range);
  t.is(ask(cluster, { kind: 'isolate', range: range.id, node }).state, 'done');
  const ownedBy = (id: string) => serving(cluster).filter(({ owner }) => owner.node === id);
  t.deepEqual(
    ownedBy(node).map(({ id }) => id),
    [range.id],
  );
  cluster.stop(node);
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  cluster.start(node);
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  t.deepEqual(
    ownedBy(node).map(({ id }) => id),
    [range.id],
  );
  t.is(ask(cluster, { kind: 'pin', range: range.id, pinned: false }, 'u').state, 'done');
  const { isolated, home } = present(cluster.ranges.get(range.id), 'the range').descriptor.placement;
  t.deepEqual([isolated, home], [false, null]);
});

test('isolate a key: it gets a range of its own, and that a node; the leader chooses both', (t) => {
  const cluster = settled(4);
  const { state, progress } = ask(cluster, {
    ...{ kind: 'isolate-key', namespace: 'default', key: 'hot', node: null },
  });
  t.is(state, 'done', progress);
  const own = present(
    serving(cluster).find(({ start }) => formatBytes(start) === 'hot'),
    'the range of the key',
  );
  t.is(formatBytes(own.end ?? own.start), 'hot\\x00');
  t.is(serving(cluster).filter(({ owner }) => owner.node === own.owner.node).length, 1);
});

test('rebalance does not wait as the balance does, and is done when nothing is left to move', (t) => {
  const cluster = settled(3);
  for (const descriptor of serving(cluster)) {
    const session = present(cluster.live.get('n1'), 'n1').session;
    if (descriptor.owner.node !== 'n1') cluster.learn(withOwner(descriptor, 'n1', session));
  }
  cluster.ask('t', { kind: 'rebalance' });
  for (let round = 0; round < 10; round++) cluster.round(DEFAULT_PLAN, 1);
  t.is(cluster.tasks.get('t')?.record.state, 'done');
  t.is(new Set(serving(cluster).map(({ owner }) => owner.node)).size, 3);
});

// ---- namespaces --------------------------------------------------------------------------------------------------

const CREATE = {
  kind: 'create-namespace',
  name: 'n',
  replicationFactor: 3,
  minInSync: 2,
  splitAt: ['m'],
} as const;

test('a namespace is dropped with its ranges, its name is free again, and its ids are not', (t) => {
  const cluster = settled(4);
  ask(cluster, CREATE, 'c');
  const { id } = present(cluster.namespaces.get('n'), 'n').record;
  const { state, progress } = ask(cluster, { kind: 'drop-namespace', name: 'n' });
  t.is(state, 'done', progress);
  t.false(cluster.namespaces.has('n'));
  t.deepEqual(
    cluster.descriptors.filter(({ namespace }) => namespace === 'n'),
    [],
  );
  cluster.tasks.clear();
  t.is(ask(cluster, CREATE, 'c').state, 'done');
  t.true(present(cluster.namespaces.get('n'), 'n').record.id > id);
});

test('a drop waits for a node that is away', (t) => {
  const cluster = settled(3);
  ask(cluster, CREATE, 'c');
  cluster.stop('n1');
  const waits = ask(cluster, { kind: 'drop-namespace', name: 'n' });
  t.is(waits.state, 'running');
  t.regex(waits.progress, /wipe their replicas/);
  cluster.start('n1');
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  t.is(cluster.tasks.get('t')?.record.state, 'done');
});

test('alter: more replicas are made, and fewer are removed; minInSync is not lowered', (t) => {
  const cluster = settled(5);
  ask(cluster, { ...CREATE, splitAt: [] }, 'c');
  const replicas = () => cluster.descriptors.find(({ namespace }) => namespace === 'n')?.inSync.length;
  t.is(
    ask(cluster, { kind: 'alter-namespace', name: 'n', replicationFactor: 5, splitBytes: 1 << 20 }).state,
    'done',
  );
  t.is(replicas(), 5);
  t.is(cluster.namespaces.get('n')?.record.splitBytes, 1 << 20);
  ask(cluster, { kind: 'alter-namespace', name: 'n', replicationFactor: 2 }, 'fewer');
  t.is(replicas(), 2);
  const refused = ask(cluster, { kind: 'alter-namespace', name: 'n', minInSync: 1 }, 'lower');
  t.regex(refused.progress, /cannot be lowered/);
});

// ---- refusals ----------------------------------------------------------------------------------------------------

const refusals: readonly (readonly [string, TaskRequest, RegExp])[] = [
  ['to drain no node', { kind: 'drain', node: 'x' }, /no node x/],
  ['to undrain no node', { kind: 'undrain', node: 'x' }, /no node x/],
  ['to move from no node', { kind: 'move', range: 1, from: 'x', to: 'n1' }, /no node x/],
  ['to move to no node', { kind: 'move', range: 1, from: 'n1', to: 'x' }, /no node x|no replica/],
  ['to pin no range', { kind: 'pin', range: 99, pinned: true }, /no range 99/],
  ['to isolate on no node', { kind: 'isolate', range: 1, node: 'x' }, /no node x/],
  ['to drop no namespace', { kind: 'drop-namespace', name: 'x' }, /no namespace x/],
  ['to drop the namespace default', { kind: 'drop-namespace', name: 'default' }, /cannot be dropped/],
  ['to alter no namespace', { kind: 'alter-namespace', name: 'x' }, /no namespace x/],
  ['to alter to no replicas', { kind: 'alter-namespace', name: 'default', replicationFactor: 0 }, /1 to 9/],
  ['to cancel no task', { kind: 'cancel', task: 'x' }, /no task x/],
];
for (const [what, request, expected] of refusals) {
  test(`refused: ${what}`, (t) => {
    const { state, progress } = ask(settled(4), request);
    t.is(state, 'failed', progress);
    t.regex(progress, expected);
  });
}

// ---- dry runs ----------------------------------------------------------------------------------------------------

const dryRuns: readonly (readonly [TaskRequest, RegExp])[] = [
  [{ kind: 'drain', node: 'n1' }, /moves to n[2-4].*after: n1 owns 0 ranges and has 0 replicas/s],
  [{ kind: 'split', namespace: 'default', keys: ['hot'] }, /is to be split/],
  [
    { kind: 'isolate-key', namespace: 'default', key: 'hot', node: null },
    /is to be split.*for itself.*become the owner/s,
  ],
  [{ kind: 'drop-namespace', name: 'n' }, /is dropped with its namespace n.*space is given back/s],
];
for (const [request, expected] of dryRuns) {
  test(`a dry run of ${request.kind} says what would be done, and does nothing`, (t) => {
    const cluster = settled(4);
    ask(cluster, CREATE, 'c');
    const before = [...cluster.ranges.values()];
    cluster.ask('t', request);
    const task = present(cluster.tasks.get('t'), 'the task');
    cluster.tasks.set('t', { ...task, record: { ...task.record, dryRun: true } });
    cluster.settle(DEFAULT_PLAN, IDLE_MS);
    const { state, steps = [] } = present(cluster.tasks.get('t'), 'the task').record;
    t.is(state, 'done');
    t.regex(steps.join('\n'), expected);
    t.deepEqual([...cluster.ranges.values()], before);
  });
}

test('a dry run on many ranges ends before the task would, and says so', (t) => {
  const cluster = new SmallCluster();
  cluster.start('n1');
  const alone = { ...DEFAULT_PLAN, replicationFactor: 1, movesAtOnce: 1 };
  const splitAt = Array.from({ length: 250 }, (_, at) => `k${at}`);
  for (const name of ['a', 'b']) cluster.ask(name, createTask({ name, replicationFactor: 1, splitAt }));
  cluster.settle(alone, IDLE_MS);
  cluster.start('n2');
  cluster.ask('t', { kind: 'rebalance' });
  const task = present(cluster.tasks.get('t'), 'the task');
  cluster.tasks.set('t', { ...task, record: { ...task.record, dryRun: true } });
  cluster.round(alone, 0);
  const { state, steps = [] } = present(cluster.tasks.get('t'), 'the task').record;
  t.is(state, 'done');
  t.true(steps.includes('then more, which a dry run does not look for'));
  t.true(steps.some((step) => /^after: n2 owns [1-9]/.test(step)));
});

test('dry runs take turns, so that the leader is not busy with them for long', (t) => {
  const cluster = settled(3);
  for (const id of ['t', 'u', 'v']) {
    cluster.ask(id, { kind: 'rebalance' });
    const task = present(cluster.tasks.get(id), id);
    cluster.tasks.set(id, { ...task, record: { ...task.record, dryRun: true } });
  }
  cluster.setAside.add('task t');
  const states = () => ['t', 'u', 'v'].map((id) => cluster.tasks.get(id)?.record.state);
  cluster.round(DEFAULT_PLAN, 0);
  t.deepEqual(states(), ['pending', 'done', 'pending'], 'not the one whose znode cannot be written now');
  cluster.round(DEFAULT_PLAN, 0);
  t.deepEqual(states(), ['pending', 'done', 'done']);
});

test('a dry run of what is refused is refused', (t) => {
  const cluster = settled(3);
  cluster.ask('t', { kind: 'merge', namespace: 'default', key: '\\xff' });
  const task = present(cluster.tasks.get('t'), 'the task');
  cluster.tasks.set('t', { ...task, record: { ...task.record, dryRun: true } });
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  t.is(cluster.tasks.get('t')?.record.state, 'failed');
});

test('ranges keep the replicas on their own node, although others have fewer', (t) => {
  const cluster = settled(4);
  const ids = serving(cluster)
    .slice(0, 2)
    .map(({ id }) => id);
  for (const range of ids)
    t.is(ask(cluster, { kind: 'isolate', range, node: 'n4' }, `t${range}`).state, 'done');
  for (let at = 5; at <= 12; at++) cluster.start(`n${at}`, { zone: 'z0' });
  const steps = cluster.settle(DEFAULT_PLAN, IDLE_MS);
  t.true(steps.some((step) => step.kind === 'range' && step.change === 'move-replica'));
  for (const id of ids) {
    t.is(cluster.ranges.get(id)?.descriptor.owner.node, 'n4');
    const leaves = steps.some(
      (step) => step.kind === 'range' && step.after.id === id && step.after.retire === 'n4',
    );
    t.false(leaves, `range ${id}`);
  }
});

test('an isolated range whose node leaves the cluster for good is a range like all others again', (t) => {
  const cluster = settled(4);
  const { id } = first(cluster);
  ask(cluster, { kind: 'isolate', range: id, node: 'n4' });
  t.is(ask(cluster, { kind: 'decommission', node: 'n4' }, 'd').state, 'done');
  const after = present(cluster.ranges.get(id), 'the range').descriptor;
  t.deepEqual([after.placement.isolated, after.placement.home], [false, null]);
});

test('a merge that waits says for what', (t) => {
  const cluster = settled(3);
  cluster.stop('n3');
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  const { state, progress } = ask(cluster, { kind: 'merge', namespace: 'default', key: '' });
  t.is(state, 'running');
  t.regex(progress, /^ranges 1 and 2 are to be merged, but not all of their replicas are in-sync$/);
  cluster.start('n3');
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  t.is(cluster.tasks.get('t')?.record.state, 'done');
});

test('a namespace that is dropped waits for a node that is down, and names it', (t) => {
  const cluster = settled(4);
  ask(cluster, createTask({ replicationFactor: 4 }), 'c');
  cluster.stop('n4');
  const { state, progress } = ask(cluster, { kind: 'drop-namespace', name: 'logs' });
  t.is(state, 'running');
  t.regex(progress, /; n4 is down: decommission what does not come back$/);
  t.is(ask(cluster, { kind: 'decommission', node: 'n4' }, 'd').state, 'done');
  t.is(cluster.tasks.get('t')?.record.state, 'done');
});

test('a namespace is dropped although a node that has left holds ranges that were split before, and they are taken out last', (t) => {
  const cluster = settled(4);
  ask(cluster, { ...CREATE, replicationFactor: 4, splitAt: [] }, 'c');
  const parent = cluster.descriptors.find(({ namespace }) => namespace === 'n')?.id ?? 0;
  cluster.stop('n4');
  t.is(ask(cluster, { kind: 'split', namespace: 'n', keys: ['m'] }, 's').state, 'done');
  t.is(ask(cluster, { kind: 'drop-namespace', name: 'n' }).state, 'running');
  cluster.setAside.add(rangeKey(parent));
  t.is(ask(cluster, { kind: 'decommission', node: 'n4' }, 'd').state, 'done');
  cluster.setAside.clear();
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  t.is(cluster.tasks.get('t')?.record.state, 'done', cluster.tasks.get('t')?.record.progress);
});

test('a range whose replicas are all on nodes of isolated ranges gets one elsewhere, and leaves', (t) => {
  const cluster = settled(3);
  for (const [at, range] of [1, 2].entries())
    ask(cluster, { kind: 'isolate', range, node: `n${at + 1}` }, `t${range}`);
  cluster.start('n4');
  cluster.start('n5');
  cluster.setMode('n3', 'draining');
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  const owned = serving(cluster).filter(({ owner }) => ['n1', 'n2'].includes(owner.node));
  t.deepEqual(owned.map(({ id }) => id).sort(), [1, 2]);
  for (const id of ['t1', 't2']) t.is(cluster.tasks.get(id)?.record.state, 'done');
});

test('an isolation says why it waits: the node drains, or another range is pinned there', (t) => {
  const cluster = settled(3);
  const { id, owner } = first(cluster);
  const home = present(
    [...cluster.live.keys()].find((node) => node !== owner.node),
    'another node',
  );
  const pinned = present(
    serving(cluster).find((descriptor) => descriptor.owner.node === home),
    'a range there',
  );
  cluster.ask('p', { kind: 'pin', range: pinned.id, pinned: true });
  const waits = ask(cluster, { kind: 'isolate', range: id, node: home });
  t.is(waits.state, 'running');
  t.is(
    waits.progress,
    `range ${id} is to have ${home} for itself, but range ${pinned.id} is pinned there: unpin it`,
  );
  cluster.setMode(home, 'draining');
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  t.regex(cluster.tasks.get('t')?.record.progress ?? '', /that node cannot own a range now$/);
});

test('a node is drained while the only replica of a range moves to it: the range stays where it was', (t) => {
  const cluster = settled(3);
  ask(cluster, createTask({ replicationFactor: 1, splitAt: [] }), 'c');
  const range = present(
    serving(cluster).find(({ namespace }) => namespace === 'logs'),
    'the range',
  );
  const from = range.owner.node;
  const to = outsider(cluster, range);
  cluster.ask('m', { kind: 'move', range: range.id, from, to });
  cluster.round(DEFAULT_PLAN, 0);
  cluster.setMode(to, 'draining');
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  const after = present(cluster.ranges.get(range.id), 'the range').descriptor;
  t.deepEqual([nodesOf(after), after.retire], [[from], null]);
  t.is(cluster.tasks.get('m')?.record.state, 'failed');
});

for (const kind of ['isolate', 'isolate-key'] as const) {
  test(`${kind}: a later task gives the range another node, and the first one, which still waited, ends`, (t) => {
    const cluster = settled(3);
    const [range, ...others] = serving(cluster);
    const { id } = present(range, 'a range');
    const inTheWay = present(others[0], 'another range');
    const home = inTheWay.owner.node;
    const later = present(
      [...cluster.live.keys()].find((node) => node !== home),
      'another node',
    );
    cluster.ask('p', { kind: 'pin', range: inTheWay.id, pinned: true });
    const request = (node: string): TaskRequest =>
      kind === 'isolate'
        ? { kind, range: id, node }
        : { kind, namespace: 'default', key: formatBytes(Buffer.from('!')), node };
    t.is(ask(cluster, request(home)).state, 'running');
    t.is(ask(cluster, request(later), 'u').state, 'done');
    const { state, progress } = present(cluster.tasks.get('t'), 'the first task').record;
    t.is(state, 'failed');
    t.regex(progress, /was given another place meanwhile$/);
  });
}
