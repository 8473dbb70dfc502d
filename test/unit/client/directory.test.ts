// What the client reads from ZooKeeper (everything once, then what it uses), and how it works without ZooKeeper.

import test from 'ava';
import { DEFAULT_SETTINGS, openClient } from '../../../client/client.ts';
import { Directory } from '../../../client/directory.ts';
import { RangeWatch, WATCH } from '../../../client/range-watch.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { silentLogger } from '../../../common/base/log.ts';
import { clusterCodec, nodeCodec, paths } from '../../../common/zk/znodes.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { MemoryNet } from '../../support/memory-net.ts';
import { MemoryZk } from '../../support/memory-zk.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

const RANGES = paths.ranges('default');

test('all descriptors are read at the start; those in use are watched until a minute after their last use', async (t) => {
  const cluster = new FakeCluster(['h', 'p']);
  const client = await cluster.connect();
  t.is(client.ranges().length, 3);
  t.is(cluster.zk.observed(`${RANGES}/`), 0);
  await cluster.env.until(Promise.all([client.put('a', ''), client.put('b', ''), client.put('k', '')]));
  t.is(cluster.zk.observed(`${RANGES}/`), 2);
  for (let i = 0; i < 4; i++) {
    await cluster.env.run(25_000);
    await cluster.env.until(client.get('a'));
  }
  t.is(cluster.zk.observed(`${RANGES}/`), 1, 'the one still in use');
  await client.close();
  t.is(cluster.zk.observed('/'), 0);
});

test('the number of watched descriptors is bounded', (t) => {
  const watch = new RangeWatch(new VirtualEnv(), () => ({ kick() {}, close() {} }));
  for (let range = 1; range <= WATCH.rangesMax + 10; range++) watch.use(range);
  t.is(watch.size, WATCH.rangesMax);
});

test('a changed range, a new range and a removed range are reported', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  await cluster.env.until(client.get('a'));
  let notified = 0;
  const stop = client.on('ranges', () => notified++);
  cluster.promote(1, 'n-2');
  await cluster.env.run(5);
  t.deepEqual([notified, client.locate('a')?.descriptor.epoch], [1, 2]);
  const [left = 0, right = 0] = cluster.replace([1], ['m']);
  await cluster.env.run(5);
  t.deepEqual(
    client.ranges().map(({ descriptor }) => descriptor.id),
    [left, right],
  );
  cluster.zk.remove(paths.range('default', right));
  await cluster.env.run(5);
  t.is(client.locate('z'), undefined);
  const before = notified;
  stop();
  cluster.promote(left, 'n-3');
  await cluster.env.run(5);
  t.is(notified, before, 'no longer listening');
});

test('refresh also reads the ranges that nobody uses', async (t) => {
  const cluster = new FakeCluster(['m']);
  const client = await cluster.connect();
  cluster.promote(1, 'n-3');
  await cluster.env.run(5);
  t.is(client.locate('a')?.descriptor.epoch, 1, 'not watched');
  await cluster.env.until(client.refresh());
  t.is(client.locate('a')?.descriptor.epoch, 2);
  cluster.zk.away = true;
  const error = await t.throwsAsync(cluster.env.until(client.refresh()), { instanceOf: RangekeeperError });
  t.is(error?.code, 'NO_CLUSTER');
  t.is(client.ranges().length, 2, 'what was known stays');
});

test('nodes that join, leave or change their mode are reported', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  let notified = 0;
  client.on('nodes', () => notified++);
  const view = (id: string) => client.nodes().find((node) => node.id === id);
  t.deepEqual(
    client.nodes().map(({ id }) => id),
    ['n-1', 'n-2', 'n-3'],
  );
  cluster.zk.remove(paths.live('n-2'));
  await cluster.env.run(5);
  t.is(view('n-2')?.live, null);
  const record = { id: 'n-2', name: 'n-2', zone: '', capacity: 1, mode: 'draining' } as const;
  cluster.zk.put(paths.node('n-2'), nodeCodec.encode(record));
  await cluster.env.run(5);
  t.is(view('n-2')?.record?.mode, 'draining');
  cluster.start('n-4');
  await cluster.env.run(5);
  t.is(view('n-4')?.live?.address, cluster.node('n-4').address);
  t.true(notified >= 3);
});

test('without ZooKeeper reads and writes go on, and changes are learned from nodes', async (t) => {
  const cluster = new FakeCluster(['m']);
  const client = await cluster.connect();
  cluster.zk.away = true;
  await cluster.env.until(client.put('a', '1'));
  cluster.promote(2, 'n-3', true);
  t.is((await cluster.env.until(client.put('z', '1'))).node, 'n-3');
  const error = await t.throwsAsync(cluster.env.until(client.namespaces()), { instanceOf: RangekeeperError });
  t.is(error?.code, 'NO_CLUSTER');
  cluster.zk.back();
  t.deepEqual(
    (await cluster.env.until(client.namespaces())).map(({ name }) => name),
    ['default'],
  );
});

test('a node that restarts at another port is found there', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  await cluster.env.until(client.put('a', '1'));
  cluster.kill('n-1');
  await cluster.env.run(100);
  cluster.start('n-1');
  const before = cluster.env.now();
  await cluster.env.until(client.put('a', '2'));
  t.true(cluster.env.now() - before < 300);
});

test('a range that may be out of date is not read over and over', async (t) => {
  const cluster = new FakeCluster();
  const client = await cluster.connect();
  cluster.kill('n-1');
  await cluster.env.run(10);
  const before = cluster.zk.reads.length;
  const calls = Array.from({ length: 100 }, () => t.throwsAsync(client.put('a', '', { deadlineMs: 1_000 })));
  await cluster.env.until(Promise.all(calls));
  t.true(cluster.zk.reads.length - before <= 22, `${cluster.zk.reads.length - before} reads in a second`);
});

test('a descriptor that cannot be decoded is logged once for each version, no matter how often it is read', async (t) => {
  const env = new VirtualEnv();
  const zk = new MemoryZk(env);
  const reasons: object[] = [];
  const note = (fields: object) => reasons.push(fields);
  const log = { ...silentLogger, warn: note, error: note };
  const directory = new Directory(
    { zk, env, log, namespace: 'default', changed() {}, ownerChanged() {}, ended() {} },
    [],
  );
  for (let version = 1; version <= 2; version++) {
    zk.put(paths.range('default', 1), Buffer.from('{'));
    for (let doubt = 0; doubt < 5; doubt++) {
      directory.refresh(1);
      await env.run(100);
    }
    t.is(reasons.length, version);
  }
  directory.close();
});

// ---- connecting --------------------------------------------------------------------------------------------------

const nowhere: readonly (readonly [string, (zk: MemoryZk) => void])[] = [
  ['ZooKeeper away', (zk) => (zk.away = true)],
  ['nothing under the root', () => {}],
  [
    'a cluster without a namespace',
    (zk) =>
      zk.put(
        paths.cluster,
        clusterCodec.encode({ format: 1, clusterId: 'c', nextNamespaceId: 1, nextRangeId: 1, tickMs: null }),
      ),
  ],
];

for (const [what, arrange] of nowhere) {
  test(`connect: ${what} is NO_CLUSTER, after connectMs`, async (t) => {
    const env = new VirtualEnv();
    const zk = new MemoryZk(env);
    arrange(zk);
    const world = { env, zk, transport: new MemoryNet(env), log: silentLogger };
    const before = env.now();
    const error = await t.throwsAsync(
      env.until(openClient(world, { ...DEFAULT_SETTINGS, connectMs: 3_000 })),
      {
        instanceOf: RangekeeperError,
      },
    );
    t.is(error?.code, 'NO_CLUSTER');
    const took = env.now() - before;
    t.true(took > 2_500 && took <= 3_100, `${took} ms`);
    t.true(zk.closed);
  });
}

test('connect: an unknown namespace is rejected at once, and the error names those that exist', async (t) => {
  const cluster = new FakeCluster();
  const error = await t.throwsAsync(cluster.connect({ namespace: 'defualt' }), {
    instanceOf: RangekeeperError,
  });
  t.is(error?.code, 'UNKNOWN_NAMESPACE');
  t.is(error?.message, 'no namespace "defualt"; there are: default');
});

test('connect: a namespace that is created while the client looks for it is found', async (t) => {
  const cluster = new FakeCluster();
  const { session } = cluster.zk;
  const children = session.children.bind(session);
  let looks = 0;
  session.children = async (path) => (path === RANGES && looks++ === 0 ? null : children(path));
  const client = await cluster.connect();
  t.is(looks, 2);
  t.is(client.ranges().length, 1);
});
