// `await using` closes a client, and ends a scan.

import test from 'ava';
import type { Client } from '../../../client/api.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { MemoryClient } from '../../support/memory-client.ts';

async function used(opened: Promise<Client>): Promise<Client> {
  await using client = await opened;
  return client;
}

test('a client is closed at the end of its block, and so is the connection', async (t) => {
  const cluster = new FakeCluster();
  const client = await used(cluster.connect());
  await t.throwsAsync(client.put('a', ''), { code: 'CLOSED' });
  t.true(cluster.zk.closed);
});

test('a client of another namespace is closed alone', async (t) => {
  const cluster = new FakeCluster();
  const first = await cluster.connect();
  const other = await used(cluster.env.until(first.inNamespace('default')));
  await t.throwsAsync(other.get('a'), { code: 'CLOSED' });
  t.is(await cluster.env.until(first.get('a')), null);
});

test('a client in memory is closed at the end of its block', async (t) => {
  const client = await used(Promise.resolve(new MemoryClient()));
  await t.throwsAsync(client.put('a', ''), { code: 'CLOSED' });
});

test('a scan ends at the end of its block', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  for (const each of [client, new MemoryClient()]) {
    await cluster.env.until(Promise.all(['a', 'b'].map((key) => each.put(key, ''))));
    const begin = async () => {
      await using rows = each.scan();
      await rows.next();
      return rows;
    };
    const rows = await cluster.env.until(begin());
    t.deepEqual(await rows.next(), { done: true, value: undefined });
  }
});
