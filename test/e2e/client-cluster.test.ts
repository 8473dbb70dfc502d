// The client on a real cluster: ZooKeeper, a coordinator and three nodes as processes. Owners are killed or frozen.

import test, { type ExecutionContext } from 'ava';
import { type Client, connect, RangekeeperError } from '../../client/index.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';
import { type ClusterOptions, openClient, TestCluster } from '../support/test-cluster.ts';

async function start(t: ExecutionContext, options: ClusterOptions = {}) {
  const cluster = await TestCluster.start(t, options);
  const client = await openClient(t, cluster);
  await cluster.allInSync();
  return { cluster, client };
}

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

test.serial('every operation, in every mode', async (t) => {
  const { client } = await start(t);
  const keys = Array.from({ length: 500 }, (_, i) => `${(i % 36).toString(36)}/${i}`).sort();
  const done = await Promise.all(keys.map((key) => client.put(key, `of ${key}`)));
  t.true(new Set(done.map(({ range }) => range)).size >= 3, 'the writes go to several ranges');

  const first = keys[0] as string;
  const found = await client.get(first);
  t.is(text(found?.value), `of ${first}`);
  t.is(found?.revision, done[0]?.revision);
  t.false(found?.stale);
  t.is(text((await client.get(first, { read: 'fallback' }))?.value), `of ${first}`);
  t.is(
    text((await client.get(first, { read: 'stale' }))?.value),
    `of ${first}`,
    'a read is never older than its own write',
  );
  t.is(await client.get('nothing'), null);

  const scanned: string[] = [];
  for await (const row of client.scan()) scanned.push(text(row.key));
  t.deepEqual(scanned, keys);
  const backwards: string[] = [];
  for await (const row of client.scan({ reverse: true, limit: 50 })) backwards.push(text(row.key));
  t.deepEqual(backwards, keys.toReversed().slice(0, 50));
  t.is(await client.count(), 500);
  t.is(
    await client.count({ prefix: 'a/', read: 'stale' }),
    keys.filter((key) => key.startsWith('a/')).length,
  );

  const conflict = await t.throwsAsync(client.put(first, 'x', { ifRevision: 0 }), {
    instanceOf: RangekeeperError,
  });
  t.is(conflict?.code, 'CONFLICT');
  t.is(conflict?.details.revision, found?.revision);
  t.true((await client.delete(first)).existed);
  t.false((await client.delete(first)).existed);
  await client.batch([
    { put: { key: 'q', value: '1' } },
    { put: { key: 'q1', value: '2' } },
    { check: { key: 'q2', revision: 0 } },
  ]);
  t.is(text((await client.get('q1'))?.value), '2');

  t.is(client.nodes().filter(({ live }) => live !== null).length, 3);
  const owner = client.locate('q')?.descriptor.owner.node ?? '';
  t.is((await client.nodeStatus(owner)).node, owner);
  t.deepEqual(
    (await client.namespaces()).map(({ name }) => name),
    ['default'],
  );
});

test.serial(
  'another namespace over the same connections has its own keys, and its own owner that is killed',
  async (t) => {
    const { cluster, client } = await start(t);
    await cluster.makeNamespace('orders');
    const orders = await client.inNamespace('orders');
    await Promise.all([client.put('7', 'seven'), orders.put('7', 'nails')]);
    t.is(text((await client.get('7'))?.value), 'seven');
    t.is(text((await orders.get('7'))?.value), 'nails');
    const owner = cluster.nodes.find(({ id }) => id === orders.locate('7')?.descriptor.owner.node);
    await owner?.process.end('SIGKILL');
    t.not((await orders.put('7', 'screws')).node, owner?.id);
    await client.put('7', 'sieben');
    const unknown = await t.throwsAsync(client.inNamespace('ordesr'), { instanceOf: RangekeeperError });
    t.is(unknown?.code, 'UNKNOWN_NAMESPACE');
    await orders.close();
    t.is(text((await client.get('7'))?.value), 'sieben');
    const further = await client.inNamespace('orders');
    t.is(text((await further.get('7'))?.value), 'screws');
  },
);

test.serial('an unknown namespace, and a ZooKeeper without a cluster, are errors', async (t) => {
  const { cluster } = await start(t);
  const unknown = await t.throwsAsync(
    connect({ zk: cluster.connect, namespace: 'nope', connectMs: WAIT_MS_MAX }),
  );
  t.regex(unknown?.message ?? '', /no namespace "nope"; there are: default/);
  const elsewhere = await t.throwsAsync(connect({ zk: `${cluster.connect}/elsewhere`, connectMs: 1_000 }), {
    instanceOf: RangekeeperError,
  });
  t.is(elsewhere?.code, 'NO_CLUSTER');
  const nowhere = await t.throwsAsync(connect({ zk: '127.0.0.1:1/x', connectMs: 1_000 }), {
    instanceOf: RangekeeperError,
  });
  t.is(nowhere?.code, 'NO_CLUSTER');
});

/** Puts and fallback reads of one key in a loop. Counts acknowledged writes, reads, stale reads and failures. */
function underLoad(client: Client, key: string) {
  let stopped = false;
  const seen = { acknowledged: 0, reads: 0, staleReads: 0, failed: [] as string[] };
  const note = (error: unknown) => seen.failed.push(String(error));
  const writer = (async () => {
    for (let i = 1; !stopped; i++) {
      await client.put(key, String(i)).then(() => {
        seen.acknowledged = i;
      }, note);
    }
  })();
  const reader = (async () => {
    while (!stopped) {
      await client.get(key, { read: 'fallback' }).then((found) => {
        seen.reads++;
        if (found?.stale) seen.staleReads++;
      }, note);
      await delay(realEnv, 1);
    }
  })();
  return {
    seen,
    /** Resolves when this count has grown by `count`. */
    async more(what: 'acknowledged' | 'reads' | 'staleReads', count: number) {
      const from = seen[what];
      while (seen[what] < from + count && seen.failed.length === 0) await delay(realEnv, 5);
    },
    async stop() {
      stopped = true;
      await Promise.all([writer, reader]);
      return seen;
    },
  };
}

for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
  test.serial(
    `the owner gets ${signal}: reads continue, writes continue at the next owner, nothing is lost`,
    async (t) => {
      const { cluster, client } = await start(t, { sessionMs: 6_000 });
      const key = 'k';
      await client.put(key, '0');
      const load = underLoad(client, key);
      await load.more('acknowledged', 20);
      await load.more('reads', 20);
      const before = await cluster.descriptorOf(key);
      const owner = cluster.node(before.owner.node);
      owner.process.signal(signal);
      // A stopped owner keeps its range until its session ends. Replicas answer meanwhile.
      if (signal === 'SIGSTOP') await load.more('staleReads', 1);
      await cluster.until('another owner', (images) =>
        images.some(({ descriptor }) => descriptor.id === before.id && descriptor.owner.node !== owner.id),
      );
      await load.more('acknowledged', 1);
      await load.more('reads', 1);
      const { acknowledged, failed, reads, staleReads } = await load.stop();
      t.log({ acknowledged, reads, staleReads });
      t.deepEqual(
        failed,
        [],
        'no read and no write fails: because of R13 the write under way is answered, too',
      );
      t.true(Number(text((await client.get(key))?.value)) >= acknowledged);
      if (signal === 'SIGSTOP') owner.process.signal('SIGCONT');
    },
  );
}
