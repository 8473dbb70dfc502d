// Splits and merges that administrators ask for, as far as the leader: requests, their withdrawal, and what becomes of ranges that have
// ended. The nodes of these clusters do what S2 to S6 say at once.

import test from 'ava';
import { present } from '../../../common/base/assert.ts';
import { formatBytes, toBytes } from '../../../common/base/bytes.ts';
import { type Descriptor, FREE_PLACEMENT, withReshape } from '../../../common/model/descriptor.ts';
import type { TaskRequest } from '../../../common/model/records.ts';
import { DEFAULT_PLAN } from '../../../coordinator/config.ts';
import { plan } from '../../../coordinator/plan.ts';
import { IDLE_MS, nodesOf, type SmallCluster, settled, started } from '../../support/small-cluster.ts';

/** Where the serving ranges meet, in order. */
function boundsOf(cluster: SmallCluster): string {
  return serving(cluster)
    .map(({ start }) => formatBytes(start))
    .join(' ');
}

function serving(cluster: SmallCluster): readonly Descriptor[] {
  return cluster.descriptors
    .filter(({ state }) => state === 'serving')
    .sort((a, b) => Buffer.compare(a.start, b.start));
}

/** A cluster with one range of three replicas, on four nodes. */
function withOneRange(): SmallCluster {
  const cluster = started(4);
  const config = { ...DEFAULT_PLAN, initialNodes: 4 };
  cluster.ask('create', {
    ...{ kind: 'create-namespace', name: 'n', replicationFactor: 3, minInSync: 2, splitAt: [] },
  });
  cluster.settle(config, IDLE_MS);
  return cluster;
}

function rangeOf(cluster: SmallCluster): Descriptor {
  return present(
    serving(cluster).find(({ namespace }) => namespace === 'n'),
    'a range',
  );
}

function ask(cluster: SmallCluster, request: TaskRequest): { state: string; progress: string } {
  cluster.ask('t', request);
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  return present(cluster.tasks.get('t'), 'the task').record;
}

test('a split: one request, the children take over, and the parent is deleted', (t) => {
  const cluster = withOneRange();
  const before = rangeOf(cluster);
  const { state, progress } = ask(cluster, { kind: 'split', namespace: 'n', keys: ['m'] });
  t.is(state, 'done', progress);
  const children = serving(cluster).filter(({ namespace }) => namespace === 'n');
  t.deepEqual(
    children.map(({ start, end }) => [formatBytes(start), end === null ? null : formatBytes(end)]),
    [
      ['', 'm'],
      ['m', null],
    ],
  );
  t.false(cluster.ranges.has(before.id), 'S5');
  for (const child of children) {
    t.is(child.epoch, before.epoch + 1, 'S3');
    t.deepEqual(child.parents, [{ range: before.id, final: { epoch: before.epoch, seq: 10 } }]);
    t.deepEqual(child.base, { epoch: before.epoch, seq: 10 });
    t.true(child.id > before.id);
  }
  t.deepEqual(children[1]?.placement, { ...FREE_PLACEMENT, startByHand: true });
});

test('a split at two keys isolates what is between them', (t) => {
  const cluster = withOneRange();
  t.is(ask(cluster, { kind: 'split', namespace: 'n', keys: ['hot\\x00', 'hot'] }).state, 'done');
  t.true(boundsOf(cluster).includes('hot hot\\x00'));
});

test('a key that is a bound already is a split that is done', (t) => {
  const cluster = withOneRange();
  ask(cluster, { kind: 'split', namespace: 'n', keys: ['m'] });
  const ids = serving(cluster).map(({ id }) => id);
  cluster.tasks.clear();
  t.is(ask(cluster, { kind: 'split', namespace: 'n', keys: ['m'] }).state, 'done');
  t.deepEqual(
    serving(cluster).map(({ id }) => id),
    ids,
  );
});

const refusals: readonly (readonly [string, TaskRequest, RegExp])[] = [
  ['no such namespace', { kind: 'split', namespace: 'x', keys: ['m'] }, /no namespace x/],
  ['no keys', { kind: 'split', namespace: 'n', keys: [] }, /one or two keys/],
  ['a key twice', { kind: 'split', namespace: 'n', keys: ['m', 'm'] }, /one or two keys/],
  ['the empty key', { kind: 'split', namespace: 'n', keys: [''] }, /one or two keys/],
  ['no key in text form', { kind: 'split', namespace: 'n', keys: ['\\q'] }, /./],
  ['a merge of the last range', { kind: 'merge', namespace: 'n', key: 'a' }, /no right neighbour/],
];
for (const [what, request, expected] of refusals) {
  test(`refused: ${what}`, (t) => {
    const { state, progress } = ask(withOneRange(), request);
    t.is(state, 'failed');
    t.regex(progress, expected);
  });
}

test('keys in different ranges are refused', (t) => {
  const cluster = withOneRange();
  ask(cluster, { kind: 'split', namespace: 'n', keys: ['m'] });
  cluster.tasks.clear();
  const { state, progress } = ask(cluster, { kind: 'split', namespace: 'n', keys: ['a', 'z'] });
  t.is(state, 'failed');
  t.regex(progress, /in different ranges/);
});

test('a merge: first the same replicas, then the same owner, then one request in both', (t) => {
  const cluster = settled(5);
  const [left, right] = serving(cluster);
  if (left === undefined || right === undefined) return t.fail('two ranges');
  t.notDeepEqual(nodesOf(left), nodesOf(right), 'on other nodes at first');
  const { state, progress } = ask(cluster, { kind: 'merge', namespace: 'default', key: '' });
  t.is(state, 'done', progress);
  const [merged] = serving(cluster);
  t.deepEqual(
    merged?.parents.map(({ range }) => range),
    [left.id, right.id],
  );
  t.deepEqual(merged?.end, right.end);
  t.deepEqual(nodesOf(present(merged, 'the merged range')), nodesOf(left));
  t.false(cluster.ranges.has(left.id) || cluster.ranges.has(right.id), 'S5');
});

test('S1: a range with a request gets no other change, except another owner; a request that is not met is withdrawn', (t) => {
  const cluster = withOneRange();
  const range = present(
    serving(cluster).find(({ namespace }) => namespace === 'n'),
    'a range',
  );
  const request = { children: [90, 91], cuts: [toBytes('m')], partner: null, byHand: true, reason: 'a test' };
  cluster.learn(withReshape(range, request));
  cluster.setMode(present(range.replicas[0]?.node, 'a node'), 'gone');
  const changes = () =>
    plan(cluster.view(), DEFAULT_PLAN).filter((step) => step.kind === 'range' && step.after.id === range.id);
  t.deepEqual(changes(), [], 'not even a replacement of the replica');
  cluster.view();
  cluster.time += 10_000;
  t.deepEqual(
    changes().map((step) => ('change' in step ? step.change : step.kind)),
    ['withdraw-request'],
  );
});

test('a range that cannot commit is not asked to split, so that it gets another replica first', (t) => {
  const cluster = withOneRange();
  const { owner, inSync } = rangeOf(cluster);
  for (const node of inSync.filter((member) => member !== owner.node)) cluster.stop(node);
  cluster.ask('t', { kind: 'split', namespace: 'n', keys: ['m'] });
  const steps = cluster.settle(DEFAULT_PLAN, 20_000);
  t.deepEqual(
    steps.filter(({ kind }) => kind === 'reshape'),
    [],
  );
  t.regex(
    cluster.tasks.get('t')?.record.progress ?? '',
    /^range \d+ is to be split, but too few of its in-sync replicas are live$/,
  );
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  t.is(cluster.tasks.get('t')?.record.state, 'done');
});

test('a request to a range that cannot commit any more is withdrawn at once', (t) => {
  const cluster = withOneRange();
  const { id, owner, inSync } = rangeOf(cluster);
  cluster.ask('t', { kind: 'split', namespace: 'n', keys: ['m'] });
  cluster.round(DEFAULT_PLAN, 100, 'idle');
  t.not(cluster.ranges.get(id)?.descriptor.reshape, null);
  for (const node of inSync.filter((member) => member !== owner.node)) cluster.stop(node);
  cluster.round(DEFAULT_PLAN, 100, 'idle');
  t.is(cluster.ranges.get(id)?.descriptor.reshape, null);
});

test('a merge of ranges whose owners differ by now is withdrawn', (t) => {
  const cluster = settled(3);
  const [left, right] = serving(cluster);
  if (left === undefined || right === undefined) return t.fail('two ranges');
  t.not(left.owner.node, right.owner.node);
  const request = { children: [90], cuts: [], byHand: true, reason: 'a test' };
  cluster.learn(withReshape(left, { ...request, partner: right.id }));
  cluster.learn(withReshape(right, { ...request, partner: left.id }));
  const changes = plan(cluster.view(), DEFAULT_PLAN).map((step) =>
    'change' in step ? step.change : step.kind,
  );
  t.deepEqual(changes.slice(0, 2), ['withdraw-request', 'withdraw-request']);
});

test('S5: a node that is away keeps a replaced range until no child counts on what it has', (t) => {
  const cluster = withOneRange();
  const range = present(
    serving(cluster).find(({ namespace }) => namespace === 'n'),
    'a range',
  );
  const away = present(range.replicas.find(({ node }) => node !== range.owner.node)?.node, 'a follower');
  cluster.stop(away);
  cluster.ask('t', { kind: 'split', namespace: 'n', keys: ['m'] });
  const holders = () => nodesOf(present(cluster.ranges.get(range.id), 'the replaced range').descriptor);
  for (let rounds = 0; holders().length !== 1 && rounds < 100; rounds++) cluster.round(DEFAULT_PLAN, 100);
  t.deepEqual(holders(), [away]);
  // A child that was not read yet may list the node.
  const view = cluster.view();
  const known = view.ranges.filter(
    ({ descriptor }) => !descriptor.parents.some((parent) => parent.range === range.id),
  );
  const changes = plan({ ...view, ranges: known }, DEFAULT_PLAN).map((step) =>
    'change' in step ? step.change : step.kind,
  );
  t.false(changes.includes('take-out'));
  const isListed = () => serving(cluster).some(({ replicas }) => replicas.some(({ node }) => node === away));
  t.true(isListed());
  for (let rounds = 0; isListed(); rounds++) {
    t.true(cluster.ranges.has(range.id), 'it may come back with the data');
    cluster.round(DEFAULT_PLAN, 1_000);
    if (rounds > 1_000) return t.fail('its replicas are replaced');
  }
  cluster.settle(DEFAULT_PLAN, IDLE_MS);
  t.false(cluster.ranges.has(range.id));
});
