// Requests of administrators: how they are executed, and how a refused one reports what is wrong.

import test from 'ava';
import { present } from '../../../common/base/assert.ts';
import { formatBytes } from '../../../common/base/bytes.ts';
import { LIMITS } from '../../../common/model/config.ts';
import { totalBytes } from '../../../common/zk/op-checks.ts';
import { DATA_BYTES_MAX } from '../../../common/zk/server-link.ts';
import { taskCodec } from '../../../common/zk/znodes.ts';
import { commitSteps } from '../../../coordinator/commit.ts';
import { DEFAULT_PLAN } from '../../../coordinator/config.ts';
import { plan } from '../../../coordinator/plan.ts';
import {
  changes,
  createTask,
  IDLE_MS,
  ownersOf,
  SmallCluster,
  settled,
} from '../../support/small-cluster.ts';
import { TreeSession } from '../../support/tree-session.ts';

const config = DEFAULT_PLAN;

const refused = test.macro({
  exec(t, request: object, words: RegExp) {
    const cluster = settled(3);
    const before = cluster.descriptors;
    cluster.tasks.set('t', {
      id: 't',
      version: 0,
      record: {
        request: request as ReturnType<typeof createTask>,
        state: 'pending',
        progress: '',
        createdAt: 0,
      },
    });
    cluster.settle(config, IDLE_MS);
    t.is(cluster.tasks.get('t')?.record.state, 'failed');
    t.regex(cluster.tasks.get('t')?.record.progress ?? '', words);
    t.deepEqual(cluster.descriptors, before, 'nothing has changed');
  },
  title: (_, request: object, words: RegExp) => `${JSON.stringify(request)} is refused: ${words.source}`,
});
test(refused, createTask({ name: '../x' }), /name has 1 to 64/);
test(refused, createTask({ name: 'default' }), /exists already/);
test(refused, createTask({ replicationFactor: 0 }), /replication factor/);
test(refused, createTask({ minInSync: 4 }), /minInSync/);
test(
  refused,
  createTask({ replicationFactor: null, minInSync: 4 }),
  /minInSync is 1 to the replication factor, 3/,
);
test(refused, createTask({ splitAt: ['m', 'm'] }), /same/);
test(refused, createTask({ splitAt: [''] }), /1 to 4096 bytes/);
test(refused, createTask({ splitAt: ['\\q'] }), /bad escape/);
test(refused, { kind: 'transfer', range: 77, to: 'n1' }, /no range 77/);
test(refused, { kind: 'transfer', range: 1, to: 'n9' }, /not in the in-sync set/);
test(refused, { kind: 'set-node-mode', node: 'n9', mode: 'active' }, /no node n9/);
test(refused, { kind: 'set-node-mode', node: 'n1', mode: 'asleep' }, /mode is one of/);
test(refused, { kind: 'forget-node', node: 'n9' }, /no node n9/);
test(refused, { kind: 'forget-node', node: 'n1' }, /n1 is live: only a dead node/);
test(refused, { kind: 'dance' }, /no such task/);

test('a request that cannot be read fails its task, with a short reason', (t) => {
  const cluster = settled(3);
  const record = { request: null, state: 'pending', progress: 'x'.repeat(5_000), createdAt: 0 } as const;
  cluster.tasks.set('t', { id: 't', version: 0, record });
  cluster.settle(config, IDLE_MS);
  const { state, progress = '' } = cluster.tasks.get('t')?.record ?? {};
  t.is(state, 'failed');
  t.regex(progress, /^the request cannot be read: x+\.\.\.$/);
  t.true(progress.length < 310);
});

test('the name of a namespace whose znode cannot be read is taken', (t) => {
  const cluster = settled(3);
  cluster.unreadableNamespaces.add('logs');
  cluster.ask('t', createTask({}));
  cluster.settle(config, IDLE_MS);
  t.regex(cluster.tasks.get('t')?.record.progress ?? '', /exists already/);
});

test('a step that is set aside does not delay others', (t) => {
  const cluster = settled(3);
  cluster.ask('a', createTask({ name: 'poison' }));
  cluster.ask('b', createTask({ name: 'other' }));
  const range = present(cluster.descriptors[0], 'range');
  cluster.ask('c', { kind: 'transfer', range: range.id, to: present(range.inSync[1], 'another') });
  cluster.ask('d', { kind: 'set-node-mode', node: 'n1', mode: 'draining' });
  for (const key of ['namespace poison', `range ${range.id}`, 'node n1']) cluster.setAside.add(key);
  cluster.round(config, 0);
  t.deepEqual(
    ['a', 'b', 'c', 'd'].map((id) => cluster.tasks.get(id)?.record.state),
    ['pending', 'done', 'pending', 'pending'],
  );
  cluster.setAside.clear();
  cluster.settle(config, IDLE_MS);
  for (const id of ['a', 'd']) t.is(cluster.tasks.get(id)?.record.state, 'done');
});

test('ids are not used twice, even if the counters are too low', (t) => {
  const cluster = settled(3);
  const taken = new Set(cluster.descriptors.map(({ id }) => id));
  cluster.cluster = {
    ...cluster.cluster,
    record: { ...cluster.cluster.record, nextNamespaceId: 1, nextRangeId: 1 },
  };
  cluster.ask('t', createTask({}));
  cluster.round(config, 0);
  const made = cluster.descriptors.filter(({ namespace }) => namespace === 'logs');
  t.true(made.length > 0 && made.every(({ id, namespaceId }) => !taken.has(id) && namespaceId === 2));
});

test('a namespace is divided at the given keys', (t) => {
  const cluster = settled(3);
  cluster.ask('t', createTask({ minInSync: 3, splitAt: ['m', 'c\\x00'] }));
  cluster.settle(config, IDLE_MS);
  t.is(cluster.tasks.get('t')?.record.state, 'done');
  const made = cluster.descriptors.filter((descriptor) => descriptor.namespace === 'logs');
  t.deepEqual(
    made.map((d) => [formatBytes(d.start), d.end === null ? null : formatBytes(d.end), d.minInSync]),
    [
      ['', 'c\\x00', 3],
      ['c\\x00', 'm', 3],
      ['m', null, 3],
    ],
  );
});

test('a namespace has as many replicas as `default` if the request names no number', (t) => {
  const cluster = settled(3);
  cluster.ask('t', createTask({ replicationFactor: null }));
  cluster.settle({ ...config, replicationFactor: 2 }, IDLE_MS);
  t.like(cluster.namespaces.get('logs')?.record, { replicationFactor: 2, minInSync: 1 });
});

test('a namespace may have more replicas than there are nodes: its ranges get the others as nodes join', (t) => {
  const cluster = settled(3);
  cluster.ask('t', createTask({ replicationFactor: 5, splitAt: [] }));
  cluster.settle(config, IDLE_MS);
  t.is(cluster.tasks.get('t')?.record.state, 'done');
  const range = () =>
    present(
      cluster.descriptors.find(({ namespace }) => namespace === 'logs'),
      'the range',
    );
  t.like(range(), { minInSync: 2, inSync: { length: 3 } });
  for (const node of ['n4', 'n5']) cluster.start(node);
  cluster.settle(config, IDLE_MS);
  t.like(range(), { minInSync: 3, inSync: { length: 5 } });
});

test('of two requests for the same name one is met, and the other one is refused', (t) => {
  const cluster = settled(3);
  for (const id of ['a', 'b']) cluster.ask(id, createTask({}));
  cluster.settle(config, IDLE_MS);
  t.deepEqual(
    ['a', 'b'].map((id) => cluster.tasks.get(id)?.record.state),
    ['done', 'failed'],
  );
  t.is(cluster.tasks.get('b')?.record.progress, 'namespace logs exists already');
});

test('the largest namespace that may be asked for fits into one multi', async (t) => {
  const cluster = new SmallCluster();
  for (let i = 1; i <= 9; i++) cluster.start(`n-${String(i).padStart(16, '0')}`);
  cluster.settle(config, IDLE_MS);
  // All split keys together take as much room in the task as they may.
  const splitAt = Array.from({ length: 255 }, (_, i) => String(i).padStart(237, '0'));
  const name = 'x'.repeat(LIMITS.namespaceNameMax);
  cluster.ask('t', createTask({ name, replicationFactor: 9, minInSync: 9, splitAt }));
  t.true(taskCodec.encode(present(cluster.tasks.get('t'), 'the task').record).length > 60_000);
  const steps = plan(cluster.view(), config);
  t.deepEqual(changes(steps), ['create-namespace']);
  const zk = new TreeSession();
  await commitSteps({ session: zk.session, version: 0, term: 1 }, steps, 0);
  const [multi] = zk.multis;
  const bytes = totalBytes(present(multi, 'a multi'));
  t.true(bytes < DATA_BYTES_MAX, `${bytes} bytes`);
});

test('the task of a transfer is running, and then done', (t) => {
  const cluster = settled(3);
  const range = present(cluster.descriptors[0], 'range');
  const to = present(
    range.inSync.find((node) => node !== range.owner.node),
    'another',
  );
  cluster.ask('t', { kind: 'transfer', range: range.id, to });
  t.is(changes(cluster.round(config, 0))[0], 'transfer');
  t.is(cluster.tasks.get('t')?.record.state, 'running');
  cluster.round(config, 0);
  t.is(cluster.tasks.get('t')?.record.state, 'done');
  cluster.settle(config, IDLE_MS);
  t.is(cluster.ranges.get(range.id)?.descriptor.owner.node, to, 'balance is found again with other ranges');
  t.deepEqual(ownersOf(cluster).toSorted(), ['n1', 'n2', 'n3']);
});

test('the mode of a node is set by a task', (t) => {
  const cluster = settled(3);
  cluster.ask('t', { kind: 'set-node-mode', node: 'n1', mode: 'draining' });
  cluster.round(config, 0);
  t.is(cluster.nodes.get('n1')?.record.mode, 'draining');
  t.is(cluster.tasks.get('t')?.record.state, 'done');
});

test('a dead node is forgotten once it holds no replica, and not before', (t) => {
  const cluster = settled(4);
  cluster.stop('n1');
  cluster.time += config.noteAfterMs;
  cluster.round(config, 0);
  cluster.ask('early', { kind: 'forget-node', node: 'n1' });
  cluster.round(config, 0);
  t.is(cluster.tasks.get('early')?.record.state, 'failed');
  t.regex(cluster.tasks.get('early')?.record.progress ?? '', /n1 still holds a replica of range \d/);
  cluster.settle(config, IDLE_MS);
  cluster.ask('late', { kind: 'forget-node', node: 'n1' });
  cluster.round(config, 0);
  t.is(cluster.tasks.get('late')?.record.state, 'done');
  t.false(cluster.nodes.has('n1'));
});

test('a replica in a range that does not serve any more keeps its node from being forgotten', (t) => {
  const cluster = settled(4);
  cluster.stop('n1');
  cluster.settle(config, IDLE_MS);
  cluster.ask('t', { kind: 'forget-node', node: 'n1' });
  const range = present([...cluster.ranges.values()][0], 'a range');
  const replicas = [{ node: 'n1', inc: 1 }];
  const other = {
    ...range,
    descriptor: { ...range.descriptor, id: 99, state: 'dropped' as const, replicas },
  };
  const steps = plan({ ...cluster.view(), otherRanges: [other] }, config);
  t.deepEqual(changes(steps), ['task']);
  t.regex(present(steps[0], 'a step').reason, /still holds a replica of range 99/);
});
