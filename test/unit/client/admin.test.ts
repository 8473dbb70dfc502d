// Tasks from the client's side: what is written to ZooKeeper, how long a call waits, and how it ends. The leader is scripted.

import test from 'ava';
import type { Task } from '../../../client/admin-api.ts';
import type { Client } from '../../../client/api.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { TASK_KINDS, type TaskRecord, type TaskRequest } from '../../../common/model/records.ts';
import { requestText } from '../../../common/model/task-text.ts';
import { nodeCodec, paths, taskCodec } from '../../../common/zk/znodes.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

type State = Partial<Pick<TaskRecord, 'state' | 'progress' | 'steps'>>;

class Leader {
  readonly records: TaskRecord[] = [];
  readonly #cluster: FakeCluster;
  #path = '';

  /** @param answers the states of each task, the first one as soon as it is written */
  constructor(cluster: FakeCluster, ...answers: readonly State[]) {
    this.#cluster = cluster;
    cluster.zk.created = (path, data) => {
      this.#path = path;
      this.records.push(taskCodec.decode(data));
      for (const state of answers) this.answer(state);
    };
  }

  get id(): string {
    return this.#path.slice(paths.tasks.length + 1);
  }

  answer(state: State): void {
    const record = this.records.at(-1);
    if (record === undefined) throw new Error('no task');
    this.#cluster.zk.put(this.#path, taskCodec.encode({ ...record, ...state }));
  }

  forget(): void {
    this.#cluster.zk.remove(this.#path);
  }
}

async function connected(...answers: readonly State[]) {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  return { cluster, env: cluster.env, client, leader: new Leader(cluster, ...answers) };
}

async function failureOf(cluster: FakeCluster, call: Promise<unknown>): Promise<string> {
  const ended = call.then(
    () => 'ok',
    (error: unknown) =>
      error instanceof RangekeeperError ? `${error.code}: ${error.message}` : String(error),
  );
  return cluster.env.until(ended);
}

const DONE: State = { state: 'done', progress: 'done' };

const requests: readonly (readonly [string, (client: Client) => Promise<Task>, TaskRequest])[] = [
  ['split', (client) => client.split('m'), { kind: 'split', namespace: 'default', keys: ['m'] }],
  [
    'split at two keys',
    (client) => client.split(['g', new Uint8Array([0xff])]),
    { kind: 'split', namespace: 'default', keys: ['g', '\\xff'] },
  ],
  ['merge', (client) => client.merge('a'), { kind: 'merge', namespace: 'default', key: 'a' }],
  ['move', (client) => client.move(1, 'n-1', 'n-2'), { kind: 'move', range: 1, from: 'n-1', to: 'n-2' }],
  ['transfer', (client) => client.transfer(1, 'n-2'), { kind: 'transfer', range: 1, to: 'n-2' }],
  ['drain', (client) => client.drain('n-1'), { kind: 'drain', node: 'n-1' }],
  ['undrain', (client) => client.undrain('n-1'), { kind: 'undrain', node: 'n-1' }],
  ['decommission', (client) => client.decommission('n-1'), { kind: 'decommission', node: 'n-1' }],
  ['forgetNode', (client) => client.forgetNode('n-9'), { kind: 'forget-node', node: 'n-9' }],
  ['isolate a range', (client) => client.isolate(1), { kind: 'isolate', range: 1, node: null }],
  [
    'isolate a key',
    (client) => client.isolate('7', 'n-2'),
    { kind: 'isolate-key', namespace: 'default', key: '7', node: 'n-2' },
  ],
  ['pin', (client) => client.pin(1), { kind: 'pin', range: 1, pinned: true }],
  ['unpin', (client) => client.unpin(1), { kind: 'pin', range: 1, pinned: false }],
  ['rebalance', (client) => client.rebalance(), { kind: 'rebalance' }],
  ['cancelTask', (client) => client.cancelTask('c0ffee'), { kind: 'cancel', task: 'c0ffee' }],
  ['dropNamespace', (client) => client.dropNamespace('orders'), { kind: 'drop-namespace', name: 'orders' }],
  [
    'alterNamespace',
    (client) => client.alterNamespace('orders', { minInSync: 2, splitBytes: 2 ** 20, unit: '/' }),
    { kind: 'alter-namespace', name: 'orders', minInSync: 2, splitBytes: 2 ** 20, unit: '/' },
  ],
];

for (const [what, ask, request] of requests) {
  test(`${what}: the task that is written, and its outcome`, async (t) => {
    const { env, client, leader } = await connected({ ...DONE, steps: ['one'] });
    const task = await env.until(ask(client));
    t.deepEqual(task, { id: leader.id, state: 'done', progress: 'done', steps: ['one'] });
    t.deepEqual(
      leader.records.map((record) => record.request),
      [request],
    );
    t.true(requestText(request).length > 3);
  });
}

test('createNamespace says when ranges split, and what stays together', async (t) => {
  const { cluster, client, leader } = await connected({ state: 'failed', progress: 'no' });
  const options = { replicas: 1, splitBytes: 2 ** 20, unit: new Uint8Array([0]) };
  t.is(await failureOf(cluster, client.createNamespace('orders', options)), 'REFUSED: no');
  t.like(leader.records[0]?.request, { splitBytes: 2 ** 20, unit: '\\x00' });
});

test('a kind that no reader knows is refused by the reader; every kind has one', (t) => {
  t.is(new Set(TASK_KINDS).size, TASK_KINDS.length);
  const record = { state: 'pending', progress: '', createdAt: 0 };
  const read = (request: object) => taskCodec.decode(Buffer.from(JSON.stringify({ ...record, request })));
  t.throws(() => read({ kind: 'frob' }), { message: /kind/ });
  t.throws(() => read({ kind: 'move', range: 1, from: 'n-1' }), { message: /to/ });
});

// ---- waits -------------------------------------------------------------------------------------------------------

const RUNNING: State = { state: 'running', progress: '3 of 9' };

test('by default a call resolves once the leader has begun', async (t) => {
  const { env, client } = await connected(RUNNING);
  t.like(await env.until(client.drain('n-1')), { state: 'running', progress: '3 of 9' });
});

test('without a wait a call resolves once the task is written', async (t) => {
  const { env, client, leader } = await connected();
  t.deepEqual(await env.until(client.drain('n-1', { wait: false })), {
    ...{ id: leader.id, state: 'pending', progress: '', steps: [] },
  });
});

test('with a wait a call resolves once the task has ended, long after its deadline, and reports each change', async (t) => {
  const { env, client, leader } = await connected(RUNNING);
  const seen: string[] = [];
  const call = client.drain('n-1', { wait: true, onProgress: ({ progress }) => seen.push(progress) });
  await env.run(100_000);
  leader.answer({ ...RUNNING, progress: '6 of 9' });
  await env.run(100_000);
  leader.answer(DONE);
  t.like(await env.until(call), { state: 'done' });
  t.deepEqual(seen, ['3 of 9', '6 of 9', 'done']);
});

test('a dry run is asked for as one, and waits for the steps', async (t) => {
  const { env, client, leader } = await connected(RUNNING);
  const call = client.rebalance({ dryRun: true });
  await env.run(100);
  leader.answer({ ...DONE, steps: ['a', 'b'] });
  t.deepEqual((await env.until(call)).steps, ['a', 'b']);
  t.true(leader.records[0]?.dryRun);
});

test('how a wait ends without an outcome: nobody begins, an abort, the record is gone, the client is closed', async (t) => {
  const { cluster, env, client, leader } = await connected();
  const before = env.now();
  t.regex(
    await failureOf(cluster, client.drain('n-1', { wait: true, deadlineMs: 500 })),
    /^OUTCOME_UNKNOWN: no coord/,
  );
  t.true(env.now() - before < 600);
  const stop = new AbortController();
  const aborted = client.drain('n-1', { wait: true, signal: stop.signal });
  await env.run(10);
  leader.answer(RUNNING);
  await env.run(10);
  stop.abort();
  t.regex(await failureOf(cluster, aborted), /^OUTCOME_UNKNOWN: .*; the task goes on$/);
  t.is(cluster.zk.observed(paths.tasks), 0, 'nothing is watched any more');
  t.deepEqual(leader.records.length, 2, 'and nothing is cancelled');
  const trimmed = client.drain('n-1', { wait: true });
  await env.run(10);
  leader.forget();
  t.is(await failureOf(cluster, trimmed), 'OUTCOME_UNKNOWN: the record of the task is gone');
  const last = client.drain('n-1', { wait: true });
  await env.run(10);
  leader.answer(RUNNING);
  await env.run(10);
  await client.close();
  t.regex(await failureOf(cluster, last), /^OUTCOME_UNKNOWN: the client is closed; the task goes on$/);
});

test('a task that fails after it has begun rejects with its reason', async (t) => {
  const { cluster, client, leader } = await connected(RUNNING);
  const call = client.drain('n-1', { wait: true });
  await cluster.env.run(10);
  leader.answer({ state: 'failed', progress: 'no other node has room' });
  t.is(await failureOf(cluster, call), 'REFUSED: no other node has room');
});

// ---- arguments ---------------------------------------------------------------------------------------------------

test('a node is given by its id, or by a name that only one node has', async (t) => {
  const { cluster, env, client, leader } = await connected(DONE);
  const record = { name: 'left', zone: '', capacity: 1, mode: 'active' } as const;
  cluster.zk.put(paths.node('n-1'), nodeCodec.encode({ ...record, id: 'n-1' }));
  await env.run(5);
  await env.until(client.drain('left'));
  t.deepEqual(leader.records[0]?.request, { kind: 'drain', node: 'n-1' });
  cluster.zk.put(paths.node('n-2'), nodeCodec.encode({ ...record, id: 'n-2' }));
  await env.run(5);
  t.is(
    await failureOf(cluster, client.drain('left')),
    'INVALID_ARGUMENT: several nodes are called left, give an id: n-1, n-2',
  );
});

const any = (value: unknown) => value as never;
const refusals: readonly (readonly [string, (client: Client) => Promise<unknown>, RegExp])[] = [
  ['no key', (client) => client.split([]), /a split takes 1 to 2 keys, not 0/],
  ['three keys', (client) => client.split(['a', 'b', 'c']), /a split takes 1 to 2 keys, not 3/],
  ['an empty key', (client) => client.merge(''), /the key is empty/],
  ['a range that is no number', (client) => client.pin(any('4')), /a range is a positive integer, not "4"/],
  ['range 0', (client) => client.isolate(0), /a range is a positive integer, not 0/],
  ['an empty node', (client) => client.drain(''), /a node is a name/],
  ['a task that is no id', (client) => client.cancelTask('../x'), /a task is named by its id/],
  ['a wait that is no flag', (client) => client.rebalance({ wait: any(1) }), /wait is true or false, not 1/],
  ['a misspelt option', (client) => client.rebalance(any({ dryrun: true })), /did you mean dryRun/],
  ['nothing to alter', (client) => client.alterNamespace('a'), /needs something to change/],
  ['a small split size', (client) => client.alterNamespace('a', { splitBytes: 9 }), /splitBytes is 65536 to/],
  ['an empty unit', (client) => client.alterNamespace('a', { unit: '' }), /a unit is a delimiter of 1 to 64/],
  [
    'more in-sync than replicas',
    (client) => client.alterNamespace('a', { replicas: 1, minInSync: 2 }),
    /minInSync is/,
  ],
  ['a bad name', (client) => client.dropNamespace('../x'), /a namespace's name/],
];
for (const [what, ask, message] of refusals) {
  test(`${what}: INVALID_ARGUMENT, and nothing is written`, async (t) => {
    const { cluster, client, leader } = await connected(DONE);
    const failure = await failureOf(cluster, ask(client));
    t.regex(failure, /^INVALID_ARGUMENT/);
    t.regex(failure, message);
    t.deepEqual(leader.records, []);
  });
}

test('tasks lists what ZooKeeper keeps, the newest first; what cannot be read is left out', async (t) => {
  const { cluster, env, client } = await connected(RUNNING);
  await env.until(client.drain('n-1'));
  await env.run(1_000);
  void client.rebalance({ dryRun: true });
  await env.run(10);
  cluster.zk.put(paths.task('broken'), Buffer.from('{'));
  const unreadable: TaskRecord = { request: null, state: 'failed', progress: 'no', createdAt: 0 };
  cluster.zk.put(paths.task('old'), taskCodec.encode(unreadable));
  t.deepEqual(
    (await env.until(client.tasks())).map(({ request, state, dryRun }) => [request, state, dryRun]),
    [
      ['rebalance', 'running', true],
      ['drain n-1', 'running', false],
      ['a request that cannot be read', 'failed', false],
    ],
  );
  cluster.zk.away = true;
  t.regex(await failureOf(cluster, client.tasks()), /^NO_CLUSTER/);
});
