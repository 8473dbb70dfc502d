// `createNamespace` of the client: what it asks the leader for, what it refuses by itself, and how it ends. The leader here is
// scripted by the test; the real one is in the tests of the coordinator and in the e2e tests.

import test from 'ava';
import type { NamespaceOptions } from '../../../client/api.ts';
import { connect } from '../../../client/index.ts';
import { emptyBytes } from '../../../common/base/bytes.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import type { TaskRecord } from '../../../common/model/records.ts';
import { taskCodec } from '../../../common/zk/znodes.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

type Answer = Pick<TaskRecord, 'state' | 'progress'> | null;
type Leader = (request: TaskRecord['request'], cluster: FakeCluster) => Answer;

const ORDERS_RANGE = 50;

/** Makes the namespace with one range, as the leader does. */
const obedient: Leader = (request, cluster) => {
  if (request?.kind !== 'create-namespace') throw new Error('a request for a namespace');
  cluster.makeNamespace(request.name, 2);
  const span = { start: emptyBytes, end: null };
  cluster.describe(ORDERS_RANGE, { namespace: request.name, namespaceId: 2, ...span });
  return { state: 'done', progress: `namespace ${request.name} is made` };
};

async function connected(leader: Leader = obedient) {
  const cluster = new FakeCluster();
  const requests: TaskRecord['request'][] = [];
  cluster.zk.created = (path, data) => {
    const record = taskCodec.decode(data);
    requests.push(record.request);
    const answer = leader(record.request, cluster);
    if (answer !== null) cluster.zk.put(path, taskCodec.encode({ ...record, ...answer }));
  };
  return { cluster, client: await cluster.connect(), requests };
}

async function failureOf(cluster: FakeCluster, call: Promise<unknown>): Promise<string> {
  return cluster.env.until(call).then(
    () => 'done',
    (error) => (error instanceof RangekeeperError ? `${error.code}: ${error.message}` : String(error)),
  );
}

test('a namespace is made, and used over the same connections', async (t) => {
  const { cluster, client, requests } = await connected();
  const made = await cluster.env.until(client.createNamespace('orders'));
  t.deepEqual(made, { name: 'orders', id: 2, replicationFactor: 3, minInSync: 2, ranges: 1 });
  t.deepEqual(requests, [
    { kind: 'create-namespace', name: 'orders', replicationFactor: null, minInSync: null, splitAt: null },
  ]);
  const orders = await cluster.env.until(client.inNamespace('orders'));
  t.is((await cluster.env.until(orders.put('7', 'two pounds of nails'))).range, ORDERS_RANGE);
  t.deepEqual(
    (await cluster.env.until(client.namespaces())).map(({ name, ranges }) => [name, ranges]),
    [
      ['default', 1],
      ['orders', 1],
    ],
  );
});

const asks = test.macro({
  async exec(t, options: NamespaceOptions, request: object) {
    const { cluster, client, requests } = await connected();
    await cluster.env.until(client.createNamespace('orders', options));
    t.like(requests[0], request);
  },
  title: (title = '') => `it asks for ${title}`,
});
test('numbers', asks, { replicas: 5, minInSync: 2 }, { replicationFactor: 5, minInSync: 2, splitAt: null });
test('even ranges', asks, { ranges: 3 }, { splitAt: ['c', 'o'] });
test('one range', asks, { ranges: 1 }, { splitAt: [] });
test(
  'split keys, as bytes or text',
  asks,
  { splitAt: ['p', new Uint8Array([0xff]), Buffer.from('g\\')] },
  { splitAt: ['p', '\\xff', 'g\\\\'] },
);

test('split keys may be changed right after the call', async (t) => {
  const { cluster, client, requests } = await connected();
  const key = Buffer.from('m');
  const keys = [key];
  const call = client.createNamespace('orders', { splitAt: keys });
  key[0] = 0;
  keys.push(key);
  await cluster.env.until(call);
  t.like(requests[0], { splitAt: ['m'] });
});

const refuses = test.macro({
  async exec(t, name: unknown, options: unknown, words: RegExp) {
    const { cluster, client, requests } = await connected();
    const call = client.createNamespace(name as string, options as NamespaceOptions);
    t.regex(await failureOf(cluster, call), words);
    t.deepEqual(requests, [], 'nothing was sent');
  },
  title: (_, name: unknown, options: unknown, words: RegExp) =>
    `${JSON.stringify([name, options])} is refused: ${words.source}`,
});
test(refuses, '', {}, /^INVALID_ARGUMENT: a namespace's name has 1 to 64 characters/);
test(refuses, '../x', {}, /^INVALID_ARGUMENT: a namespace's name/);
test(refuses, 7, {}, /^INVALID_ARGUMENT: a namespace's name/);
test(refuses, 'orders', { replicas: 0 }, /^INVALID_ARGUMENT: the replication factor is 1 to 9, not 0/);
test(refuses, 'orders', { replicas: '3' }, /^INVALID_ARGUMENT: replicas is a number, not "3"/);
test(refuses, 'orders', { replicas: 2, minInSync: 3 }, /^INVALID_ARGUMENT: minInSync is 1 to .*, 2, not 3/);
test(refuses, 'orders', { ranges: 0 }, /^INVALID_ARGUMENT: a new namespace has 1 to 256 ranges, not 0/);
test(refuses, 'orders', { replicas: null }, /^INVALID_ARGUMENT: replicas is a number, not null/);
test(refuses, 'orders', { replicas: Symbol('x') }, /^INVALID_ARGUMENT: replicas is a number, not a symbol/);
test(refuses, 'orders', { minInSync: [2] }, /^INVALID_ARGUMENT: minInSync is a number, not an array/);
test(
  refuses,
  'orders',
  { ranges: Object.create(null) },
  /^INVALID_ARGUMENT: ranges is a number, not an object/,
);
test(
  refuses,
  'orders',
  { splitAt: new Array(2) },
  /^INVALID_ARGUMENT: a split key must be a string or bytes/,
);
test(refuses, 'orders', { ranges: 257 }, /^INVALID_ARGUMENT: .* not 257/);
test(
  refuses,
  'orders',
  { ranges: 2, splitAt: ['a'] },
  /^INVALID_ARGUMENT: ranges does not go together with splitAt/,
);
test(refuses, 'orders', { splitAt: 'abc' }, /^INVALID_ARGUMENT: splitAt is a list of keys/);
test(refuses, 'orders', { splitAt: [7] }, /^INVALID_ARGUMENT: a split key must be a string or bytes/);
test(refuses, 'orders', { splitAt: ['a', 'a'] }, /^INVALID_ARGUMENT: two split keys are the same: a/);
test(refuses, 'orders', { splitAt: [''] }, /^INVALID_ARGUMENT: a split key has 1 to 4096 bytes/);
test(refuses, 'orders', { deadlineMs: -1 }, /^INVALID_ARGUMENT: deadlineMs/);

const ends = test.macro({
  async exec(t, leader: Leader, words: RegExp) {
    const { cluster, client } = await connected(leader);
    t.regex(await failureOf(cluster, client.createNamespace('orders', { deadlineMs: 500 })), words);
  },
  title: (title = '') => title,
});
test(
  'the leader refuses',
  ends,
  () => ({ state: 'failed', progress: 'namespace orders exists already' }),
  /^REFUSED: namespace orders exists already$/,
);
test('no leader answers in time', ends, () => null, /^OUTCOME_UNKNOWN: no coordinator has answered in time/);
test(
  'it was made, and cannot be read any more: no error says that nothing was done',
  ends,
  () => ({ state: 'done', progress: 'namespace orders is made' }),
  /^OUTCOME_UNKNOWN: namespace orders is made, but it cannot be read: it is not there any more$/,
);

test('after OUTCOME_UNKNOWN the same request may be sent again: the namespace is made once', async (t) => {
  let awake = false;
  const late: Leader = (request, cluster) => (awake ? obedient(request, cluster) : null);
  const { cluster, client } = await connected(late);
  const ask = () => failureOf(cluster, client.createNamespace('orders', { deadlineMs: 500 }));
  t.regex(await ask(), /^OUTCOME_UNKNOWN/);
  awake = true;
  t.is(await ask(), 'done');
});

test('without ZooKeeper, and with a client that is closed', async (t) => {
  const { cluster, client } = await connected();
  cluster.zk.away = true;
  t.regex(await failureOf(cluster, client.createNamespace('orders')), /^NO_CLUSTER/);
  await client.close();
  t.regex(await failureOf(cluster, client.createNamespace('orders')), /^CLOSED/);
});

test('closing the client ends a call that waits for the leader, and nothing keeps on waiting', async (t) => {
  const { cluster, client } = await connected(() => null);
  const calls = [client.createNamespace('orders'), client.forgetNode('n-a')];
  const failures = Promise.all(calls.map((call) => failureOf(cluster, call)));
  await cluster.env.until(client.namespaces());
  const before = cluster.env.now();
  await client.close();
  t.deepEqual(await failures, [
    'OUTCOME_UNKNOWN: the client is closed; the task goes on',
    'OUTCOME_UNKNOWN: the client is closed; the task goes on',
  ]);
  t.true(cluster.env.now() - before < 100, 'long before the deadline');
});

test('closing the client ends other calls with CLOSED', async (t) => {
  const { client, cluster } = await connected();
  const calls = [
    client.namespaces(),
    client.refresh(),
    client.inNamespace('default'),
    client.nodeStatus('n-a'),
  ];
  const failures = Promise.all(calls.map((call) => failureOf(cluster, call)));
  await client.close();
  t.deepEqual(
    await failures,
    calls.map(() => 'CLOSED: the client is closed'),
  );
});

test('a name that no namespace can have is refused by inNamespace and by connect', async (t) => {
  const { cluster, client } = await connected();
  t.regex(await failureOf(cluster, client.inNamespace('../x')), /^INVALID_ARGUMENT: a namespace's name/);
  await t.throwsAsync(connect({ zk: '127.0.0.1:1', namespace: 'a b' }), { message: /^a namespace's name/ });
});

test('what was made is read behind a barrier', async (t) => {
  const { cluster, client } = await connected(() => ({ state: 'done', progress: 'it is made' }));
  cluster.zk.session.barrier = async () => {
    cluster.makeNamespace('orders', 2);
  };
  t.like(await cluster.env.until(client.createNamespace('orders')), { name: 'orders', id: 2 });
});

test('a namespace that another client has just made is found behind a barrier', async (t) => {
  const { cluster, client } = await connected();
  cluster.zk.session.barrier = async () => {
    cluster.makeNamespace('orders', 2);
  };
  t.is(await failureOf(cluster, client.inNamespace('orders')), 'done');
});
