// ZooKeeper does not answer: calls that no owner serves end with one code that names the cause, whatever the last attempt met.

import test from 'ava';
import type { Client } from '../../../client/api.ts';
import { type ErrorCode, RangekeeperError } from '../../../common/base/errors.ts';
import { replyFromError } from '../../../common/wire/error-reply.ts';
import { type Behaviour, FakeCluster } from '../../support/fake-cluster.ts';

const SILENT = /ZooKeeper has not answered for \d+\.\d s/;

const refuse =
  (code: ErrorCode): Behaviour =>
  () =>
    replyFromError(new RangekeeperError(code, `scripted ${code}`));

const CALLS: readonly (readonly [string, (client: Client) => Promise<unknown>])[] = [
  ['put', (client) => client.put('a', '1', { deadlineMs: 500 })],
  ['delete', (client) => client.delete('a', { deadlineMs: 500 })],
  ['batch', (client) => client.batch([{ check: { key: 'a', revision: 0 } }], { deadlineMs: 500 })],
  ['get', (client) => client.get('a', { deadlineMs: 500 })],
  ['scan', (client) => client.scanPage({ deadlineMs: 500 })],
  ['count', (client) => client.count({ deadlineMs: 500 })],
];

async function failureOf(cluster: FakeCluster, call: Promise<unknown>): Promise<RangekeeperError> {
  try {
    await cluster.env.until(call);
  } catch (error) {
    if (error instanceof RangekeeperError) return error;
    throw error;
  }
  throw new Error('the call was answered');
}

/** A cluster whose nodes all behave so, and whose ZooKeeper has fallen silent. */
async function withoutZookeeper(behave: Behaviour): Promise<{ cluster: FakeCluster; client: Client }> {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  for (const node of cluster.nodes.values()) node.behave = behave;
  cluster.zk.away = true;
  return { cluster, client };
}

for (const [name, call] of CALLS) {
  test(`${name}: no owner has a lease, owns the range or can be reached: one code, which names ZooKeeper`, async (t) => {
    for (const code of ['NOT_READY', 'NOT_OWNER'] as const) {
      const { cluster, client } = await withoutZookeeper(refuse(code));
      const error = await failureOf(cluster, call(client));
      t.deepEqual([error.code, error.applied], ['NO_CLUSTER', 'no'], code);
      t.regex(error.message, SILENT);
      t.regex(error.message, new RegExp(`scripted ${code}`), 'and says what the last node said');
    }
    const { cluster, client } = await withoutZookeeper(() => 'default');
    for (const id of cluster.nodes.keys()) cluster.kill(id);
    const error = await failureOf(cluster, call(client));
    t.deepEqual([error.code, error.applied], ['NO_CLUSTER', 'no'], 'all nodes are gone');
    t.regex(error.message, SILENT);
  });

  test(`${name}: what has another cause keeps its code`, async (t) => {
    for (const code of ['OVERLOADED', 'READ_ONLY'] as const) {
      const { cluster, client } = await withoutZookeeper(refuse(code));
      t.is((await failureOf(cluster, call(client))).code, code);
    }
  });
}

for (const [name, call] of CALLS.slice(3)) {
  test(`${name}: nobody answers the last attempt: ZooKeeper is the cause all the same`, async (t) => {
    let left = 3;
    const { cluster, client } = await withoutZookeeper((request) =>
      left-- > 0 ? refuse('NOT_READY')(request) : 'silent',
    );
    const error = await failureOf(cluster, call(client));
    t.deepEqual([error.code, error.applied], ['NO_CLUSTER', 'no']);
    t.regex(error.message, SILENT);
  });
}

test('a write in doubt stays in doubt, and its error names ZooKeeper', async (t) => {
  const { cluster, client } = await withoutZookeeper(() => 'mute');
  const error = await failureOf(cluster, client.put('a', '1', { deadlineMs: 500 }));
  t.deepEqual([error.code, error.applied], ['OUTCOME_UNKNOWN', 'unknown']);
  t.regex(error.message, SILENT);
});

test('once ZooKeeper answers again, it is not named', async (t) => {
  const { cluster, client } = await withoutZookeeper(refuse('NOT_READY'));
  cluster.zk.back();
  const error = await failureOf(cluster, client.put('a', '1', { deadlineMs: 500 }));
  t.is(error.code, 'NOT_READY');
});

test('the event `zookeeper` reports each change once', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  const events: boolean[] = [];
  client.on('zookeeper', (connected) => events.push(connected));
  cluster.zk.away = true;
  cluster.zk.away = true;
  cluster.zk.back();
  t.deepEqual(events, [false, true]);
});
