// Calls that an AbortSignal ends: with which error, and what is left behind.

import { spawnSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import test from 'ava';
import type { Client } from '../../../client/api.ts';
import { connect } from '../../../client/index.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { replyFromError } from '../../../common/wire/error-reply.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { MemoryClient } from '../../support/memory-client.ts';

const REASON = new Error('the user has left');

/** `CODE applied`, once it is certain that the cause is the signal's reason; `ok` if the call resolves. */
async function end(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    if (!(error instanceof RangekeeperError) || error.cause !== REASON) throw error;
    return `${error.code} ${error.applied}`;
  }
}

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

type Calls = Readonly<Record<string, (client: Client, signal: AbortSignal) => Promise<unknown>>>;

const reads: Calls = {
  'a get': (client, signal) => client.get('a', { signal }),
  'a fallback get': (client, signal) => client.get('a', { signal, read: 'fallback' }),
  'a page': (client, signal) => client.scanPage({ signal }),
  'a scan': (client, signal) => client.scan({ signal }).next(),
  'a count': (client, signal) => client.count({ signal }),
  'a status': (client, signal) => client.nodeStatus('n-1', { signal }),
  'a check': (client, signal) => client.checkRange(1, { signal }),
};
const writes: Calls = {
  'a put': (client, signal) => client.put('a', '', { signal }),
  'a delete': (client, signal) => client.delete('a', { signal }),
  'a batch': (client, signal) => client.batch([{ put: { key: 'a', value: '' } }], { signal }),
};
const requests: Calls = {
  'forgetting a node': (client, signal) => client.forgetNode('n-9', { signal }),
  'a new namespace': (client, signal) => client.createNamespace('orders', { signal }),
};
const others: Calls = {
  'a refresh': (client, signal) => client.refresh({ signal }),
  'the list of namespaces': (client, signal) => client.namespaces({ signal }),
  'another namespace': (client, signal) => client.inNamespace('default', { signal }),
  'raising epochs': (client, signal) => client.raiseEpochs({ signal }),
};
const all = { ...reads, ...writes, ...requests, ...others };

for (const [what, call] of Object.entries(all)) {
  test(`${what} with a signal that has aborted sends nothing`, async (t) => {
    const cluster = new FakeCluster();
    const client = await cluster.connect();
    t.is(await end(call(client, AbortSignal.abort(REASON))), 'ABORTED no');
    t.is(await end(call(new MemoryClient(), AbortSignal.abort(REASON))), 'ABORTED no');
    await cluster.env.run(10);
    t.true([...cluster.nodes.values()].every(({ requests }) => requests.length === 0));
  });
}

for (const [what, call] of Object.entries({ ...reads, ...writes, ...others })) {
  test(`${what} that ends leaves no listener`, async (t) => {
    const cluster = new FakeCluster();
    const client = await cluster.connect();
    const { signal } = new AbortController();
    await cluster.env.until(client.put('a', ''));
    await cluster.env.until(call(client, signal).catch(() => null));
    t.is(listeners(signal), 0);
  });
}

for (const [what, call] of Object.entries({ ...reads, ...writes, ...requests })) {
  const isRead = reads[what] !== undefined;
  test(`${what} that waits for an answer ends at once`, async (t) => {
    const cluster = new FakeCluster();
    const client = await cluster.connect();
    for (const node of cluster.nodes.values()) node.behave = () => 'silent';
    cluster.zk.created = () => {};
    const controller = new AbortController();
    const ended = end(call(client, controller.signal));
    await cluster.env.run(20);
    controller.abort(REASON);
    const before = cluster.env.now();
    t.is(await cluster.env.until(ended), isRead ? 'ABORTED no' : 'OUTCOME_UNKNOWN unknown');
    t.is(cluster.env.now(), before);
    t.is(listeners(controller.signal), 0);
  });
}

test('a write that was not sent yet is taken back', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  await cluster.env.until(client.put('b', '1'));
  const controller = new AbortController();
  const [aborted, other] = [client.put('a', '1', { signal: controller.signal }), client.put('b', '2')];
  controller.abort(REASON);
  t.is(await cluster.env.until(end(aborted)), 'ABORTED no');
  await cluster.env.until(other);
  t.deepEqual(
    cluster.rows.map(({ key }) => Buffer.from(key).toString()),
    ['b'],
  );
});

test('a write that waits for the next attempt was not applied', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  cluster.node('n-1').behave = () => replyFromError(new RangekeeperError('READ_ONLY', 'not now'));
  const controller = new AbortController();
  const ended = end(client.put('a', '1', { signal: controller.signal }));
  await cluster.env.run(600);
  controller.abort(REASON);
  t.is(await cluster.env.until(ended), 'ABORTED no');
  const asked = cluster.node('n-1').asked('write');
  await cluster.env.run(5_000);
  t.is(cluster.node('n-1').asked('write'), asked, 'nothing is sent any more');
});

test('a write in doubt stays in doubt', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  cluster.node('n-1').behave = () => replyFromError(new RangekeeperError('OUTCOME_UNKNOWN', 'in progress'));
  const controller = new AbortController();
  const ended = end(client.put('a', '1', { signal: controller.signal }));
  await cluster.env.run(600);
  controller.abort(REASON);
  t.is(await cluster.env.until(ended), 'OUTCOME_UNKNOWN unknown');
});

test('one signal ends 10,000 calls, and leaves no listener', async (t) => {
  const cluster = new FakeCluster(['m']);
  const client = await cluster.connect();
  const controller = new AbortController();
  const { signal } = controller;
  for (const node of cluster.nodes.values()) node.behave = () => 'silent';
  const calls = Array.from({ length: 10_000 }, (_, i) =>
    end(i % 2 === 0 ? client.put(i % 4 === 0 ? 'a' : 'z', '', { signal }) : client.get('a', { signal })),
  );
  t.is(listeners(signal), 1);
  await cluster.env.run(10);
  controller.abort(REASON);
  t.deepEqual(
    new Set(await cluster.env.until(Promise.all(calls))),
    new Set(['OUTCOME_UNKNOWN unknown', 'ABORTED no']),
  );
  t.is(listeners(signal), 0);
  for (const node of cluster.nodes.values()) node.behave = () => 'default';
  t.is(await cluster.env.until(client.put('a', '').then(() => 'ok')), 'ok', 'the client goes on');
});

test('10,000 calls one after the other leave no listener on their signal', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  const { signal } = new AbortController();
  for (let round = 0; round < 10; round++) {
    const calls = Array.from({ length: 1_000 }, (_, i) => client.put(`k${i}`, '', { signal }));
    await cluster.env.until(Promise.all(calls));
    t.is(listeners(signal), 0);
  }
});

/** Aborts at the second of three rows. Resolves to how the scan ends, and what it has shown. */
async function abortedScan(client: Client): Promise<readonly [string, string]> {
  for (const key of ['a', 'b', 'c']) await client.put(key, '');
  const controller = new AbortController();
  let keys = '';
  const scan = async () => {
    for await (const row of client.scan({ signal: controller.signal })) {
      keys += Buffer.from(row.key).toString();
      if (keys === 'ab') controller.abort(REASON);
    }
  };
  return [await end(scan()), keys];
}

test('a scan ends before its next row, although that row has been read already', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  t.deepEqual(await cluster.env.until(abortedScan(client)), ['ABORTED no', 'ab']);
  t.deepEqual(await abortedScan(new MemoryClient()), ['ABORTED no', 'ab']);
});

test('connect ends at once', async (t) => {
  const controller = new AbortController();
  const { signal } = controller;
  const ended = end(connect({ zk: '127.0.0.1:1/x', connectMs: 500, signal }));
  controller.abort(REASON);
  t.is(await ended, 'ABORTED no');
  t.is(listeners(signal), 0);
  t.is(await end(connect({ zk: '127.0.0.1:1/x', signal })), 'ABORTED no');
});

test('a program ends soon after its attempt to connect was aborted', (t) => {
  const library = new URL('../../../client/index.js', import.meta.url);
  const program = `import { connect } from '${library}';
const attempt = connect({ zk: '127.0.0.1:1/x', connectMs: 600_000, signal: AbortSignal.timeout(50) });
await attempt.catch((error) => console.log(error.code, error.cause.name));`;
  const args = ['--input-type=module', '--eval', program];
  const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 });
  t.is(stdout, 'ABORTED TimeoutError\n');
  t.is(status, 0);
});
