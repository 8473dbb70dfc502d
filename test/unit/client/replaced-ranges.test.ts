// How a client goes on when ranges are replaced: no call fails, none pauses without need, and each write is applied once.

import test from 'ava';
import type { BatchOp, Client } from '../../../client/api.ts';
import { Directory } from '../../../client/directory.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { silentLogger } from '../../../common/base/log.ts';
import { replyFromError } from '../../../common/wire/error-reply.ts';
import { descriptorCodec, paths } from '../../../common/zk/znodes.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';

async function connected(splits: readonly string[] = []) {
  const cluster = new FakeCluster(splits);
  return { cluster, env: cluster.env, client: await cluster.connect() };
}

function known(client: Client): readonly number[] {
  return client.ranges().map(({ descriptor }) => descriptor.id);
}

async function outcome(cluster: FakeCluster, call: Promise<unknown>): Promise<string> {
  const ended = call.then(
    () => 'ok',
    (error: unknown) => (error instanceof RangekeeperError ? error.code : String(error)),
  );
  return cluster.env.until(ended);
}

function puts(...keys: readonly string[]): BatchOp[] {
  return keys.map((key) => ({ put: { key, value: '1' } }));
}

/** How many reads of ranges' descriptors there were in ZooKeeper. */
function descriptorReads(cluster: FakeCluster): number {
  return cluster.zk.reads.filter((path) => path.startsWith(`${paths.ranges('default')}/`)).length;
}

// ---- routes ------------------------------------------------------------------------------------------------------

for (const read of ['linearizable', 'fallback', 'stale'] as const) {
  test(`a chain of splits that ZooKeeper has not shown costs a ${read} read no pause`, async (t) => {
    const { cluster, env, client } = await connected();
    await env.until(client.put('z', '1'));
    let last = 1;
    for (const cut of ['b', 'd', 'f', 'h', 'k', 'm']) last = cluster.replace([last], [cut], true)[1] ?? 0;
    const before = env.now();
    const found = await env.until(client.get('z', { read }));
    t.deepEqual([found?.text(), found?.range], ['1', last]);
    t.true(env.now() - before < 10, `${env.now() - before} ms`);
  });
}

test('a write follows a chain of splits and merges without a pause, while ZooKeeper does not answer', async (t) => {
  const { cluster, env, client } = await connected(['m']);
  await env.until(Promise.all([client.put('a', '1'), client.put('z', '1')]));
  cluster.zk.away = true;
  let [last = 0] = cluster.replace([1, 2], [], true);
  for (const cut of ['b', 'd', 'f', 'h', 'k', 'm']) last = cluster.replace([last], [cut], true)[1] ?? 0;
  const before = env.now();
  t.is((await env.until(client.put('z', '2'))).range, last);
  t.true(env.now() - before < 10, `${env.now() - before} ms`);
  t.is((await env.until(client.put('a', '2'))).range, cluster.holder('a'), 'whose siblings nobody has named');
  t.is((await env.until(client.put('e', '2'))).range, cluster.holder('e'));
});

test('a call that has paused before is redirected without a pause', async (t) => {
  const { cluster, env, client } = await connected();
  const owner = cluster.node('n-1');
  const pauses = 5;
  let redirectedAt = 0;
  owner.behave = () => {
    const asked = owner.asked('write');
    if (asked <= pauses) return replyFromError(new RangekeeperError('NOT_READY', 'later'));
    if (asked === pauses + 1) {
      cluster.replace(cluster.replace(cluster.replace([1], ['c']).slice(1), ['m']).slice(1), ['p'], true);
      redirectedAt = env.now();
    }
    return 'default';
  };
  t.is(await outcome(cluster, client.put('z', '1')), 'ok');
  t.true(env.now() - redirectedAt < 10, `${env.now() - redirectedAt} ms`);
});

test('the children of a watched range are read at once, together, and the range is no longer watched', async (t) => {
  const { cluster, env, client } = await connected();
  await env.until(client.put('a', '1'));
  t.is(cluster.zk.observed(paths.range('default', 1)), 1);
  const before = descriptorReads(cluster);
  const children = cluster.replace([1], ['g', 'p']);
  await env.run(5);
  t.deepEqual(known(client), children);
  t.is(cluster.zk.observed(paths.range('default', 1)), 0);
  t.true(descriptorReads(cluster) - before <= 4, 'the parent and each child, once');
});

test('a range that was replaced is not read again while its znode stays', async (t) => {
  const { cluster, env, client } = await connected();
  await env.until(client.put('a', '1'));
  const [left = 0] = cluster.replace([1], ['m']);
  await env.run(5);
  const reads = () => cluster.zk.reads.filter((path) => path === paths.range('default', 1)).length;
  const before = reads();
  const [a = 0] = cluster.replace([left], ['c']);
  cluster.replace([a], ['b']);
  await env.run(100);
  t.is(reads(), before);
  t.is(known(client).length, 4);
});

test('an old image of a replaced range takes no keys back', async (t) => {
  const { cluster, env, client } = await connected();
  await env.until(client.put('a', '1'));
  const old = { data: descriptorCodec.encode(cluster.range(1)), version: 99 };
  cluster.replace([1], ['m']);
  await env.until(client.put('a', '2'));
  const owner = cluster.node('n-1');
  let stray = true;
  owner.behave = () => {
    if (!stray) return 'default';
    stray = false;
    return replyFromError(new RangekeeperError('NOT_OWNER', 'an old one', { descriptor: old }));
  };
  const { range } = await env.until(client.put('a', '3'));
  t.is(range, cluster.holder('a'));
  t.false(known(client).includes(1));
});

test('the children are read at once, together, although the list of ranges is late', async (t) => {
  const cluster = new FakeCluster();
  const { env, zk } = cluster;
  const observeChildren = zk.observeChildren.bind(zk);
  zk.observeChildren = (path, listener) =>
    path === paths.ranges('default') ? { kick() {}, close() {} } : observeChildren(path, listener);
  const client = await cluster.connect();
  await env.until(client.put('a', '1'));
  const { get } = zk.session;
  const reading = { now: 0, most: 0 };
  zk.session.get = async (path) => {
    reading.most = Math.max(reading.most, ++reading.now);
    await new Promise<void>((resolve) => env.after(1, resolve));
    reading.now--;
    return get(path);
  };
  const children = cluster.replace([1], ['g', 'p']);
  await env.run(2);
  t.deepEqual([known(client), reading.most], [children, 3]);
});

test('a child that a node has named stays, although ZooKeeper does not show it yet', async (t) => {
  const { cluster, env, client } = await connected();
  await env.until(client.put('a', '1'));
  const [left = 0, right = 0] = cluster.replace([1], ['m'], true);
  for (const id of [left, right]) cluster.zk.unseen.add(paths.range('default', id));
  const owner = cluster.node('n-1');
  await env.until(Promise.all([client.put('a', '2'), client.put('z', '2')]));
  let strays = 4;
  owner.behave = () =>
    strays-- > 0 ? replyFromError(new RangekeeperError('NOT_OWNER', 'starting')) : 'default';
  await env.until(Promise.all([client.put('a', '3'), client.put('z', '3')]));
  cluster.zk.put(paths.range('default', 50), descriptorCodec.encode({ ...cluster.range(1), id: 50 }));
  await env.run(100);
  t.deepEqual(known(client), [left, right]);
});

test('requests that wait at the owner of a replaced range go to the owner of its child, if that is another one', async (t) => {
  const { cluster, env, client } = await connected();
  await env.until(client.put('a', '1'));
  cluster.node('n-1').behave = () => 'silent';
  const write = client.put('a', '2');
  await env.run(1_000);
  const [left = 0] = cluster.replace([1], ['m'], true);
  cluster.promote(left, 'n-2', true);
  cluster.describe(1, {});
  const before = env.now();
  t.is((await env.until(write)).node, 'n-2');
  t.true(env.now() - before < 20, `${env.now() - before} ms`);
});

test('a dropped namespace: calls end at once with UNKNOWN_NAMESPACE, and go on if one of its name is made', async (t) => {
  const { cluster, env, client } = await connected(['m']);
  await env.until(Promise.all([client.put('a', '1'), client.put('z', '1')]));
  for (const id of [1, 2]) cluster.describe(id, { state: 'dropped', inSync: [] });
  await env.run(5);
  t.is(await outcome(cluster, client.get('a')), 'UNKNOWN_NAMESPACE');
  t.is(await outcome(cluster, client.put('z', '2')), 'UNKNOWN_NAMESPACE');
  t.deepEqual(known(client), []);
  cluster.describe(7, { namespaceId: 2 });
  await env.run(5);
  t.is((await env.until(client.put('a', '3'))).range, 7);
  cluster.describe(7, { end: Buffer.from('m') });
  await env.run(5);
  t.is(await outcome(cluster, client.put('z', '3', { deadlineMs: 100 })), 'NO_OWNER', 'it exists');
});

test('children that could not be read are read when their parent is in doubt', async (t) => {
  const cluster = new FakeCluster();
  const { env, zk } = cluster;
  zk.observeChildren = () => ({ kick() {}, close() {} });
  const listeners = { changed() {}, ownerChanged() {}, ended() {} };
  const directory = new Directory({ zk, env, log: silentLogger, namespace: 'default', ...listeners }, []);
  const children = cluster.replace([1], ['m'], true);
  zk.away = true;
  directory.learnHint(cluster.hint(1));
  await env.run(5);
  zk.away = false;
  directory.refresh(1);
  await env.run(5);
  t.deepEqual(
    directory.images().map(({ descriptor }) => descriptor.id),
    children,
  );
  directory.close();
});

test('a dropped range does not come back with an old image, and its end is reported', async (t) => {
  const cluster = new FakeCluster(['m']);
  const { env, zk } = cluster;
  const ended: number[] = [];
  const listeners = { changed() {}, ownerChanged() {}, ended: (range: number) => ended.push(range) };
  const directory = new Directory({ zk, env, log: silentLogger, namespace: 'default', ...listeners }, []);
  await env.run(5);
  const old = { ...cluster.hint(1), version: 0 };
  const children = cluster.replace([2], ['p']);
  cluster.describe(1, { state: 'dropped', inSync: [] });
  directory.refresh(1);
  await env.run(5);
  directory.learnHint(old);
  t.deepEqual(
    directory.images().map(({ descriptor }) => descriptor.id),
    children,
  );
  t.deepEqual(ended.sort(), [1, 2]);
  directory.close();
});

test('what a client has seen of a range counts again when ZooKeeper shows the range again', async (t) => {
  const { cluster, env, client } = await connected();
  await env.until(client.put('a', '1'));
  cluster.zk.remove(paths.range('default', 1));
  await env.run(5);
  t.deepEqual(known(client), [], 'ZooKeeper was emptied');
  cluster.describe(1, {});
  await env.run(5);
  for (const node of cluster.nodes.values()) node.appliedThrough = 0;
  const read = client.get('a', { read: 'stale', deadlineMs: 1_000 });
  t.is(await outcome(cluster, read), 'UNREACHABLE', 'no replica has the write yet');
});

test('a namespace whose znodes are gone counts as dropped, until they are back', async (t) => {
  const { cluster, env, client } = await connected();
  cluster.zk.remove(paths.range('default', 1));
  cluster.zk.remove(paths.ranges('default'));
  await env.run(5);
  t.is(await outcome(cluster, client.get('a')), 'UNKNOWN_NAMESPACE');
  cluster.makeNamespace('default', 1);
  cluster.describe(1, { end: Buffer.from('m') });
  await env.run(5);
  t.is(await outcome(cluster, client.put('z', '3', { deadlineMs: 100 })), 'NO_OWNER', 'it exists');
});

test('a namespace counts as dropped although its ranges vanished before its list did', async (t) => {
  const { cluster, env, client } = await connected();
  await env.until(client.put('a', '1'));
  cluster.zk.remove(paths.range('default', 1));
  await env.run(5);
  t.deepEqual(known(client), []);
  cluster.zk.remove(paths.ranges('default'));
  await env.run(5);
  t.is(await outcome(cluster, client.get('a')), 'UNKNOWN_NAMESPACE');
});

test('a caller whose key is in no range finds that the namespace is gone, although no watch says so', async (t) => {
  const cluster = new FakeCluster();
  const { env, zk } = cluster;
  zk.observeChildren = () => ({ kick() {}, close() {} });
  const listeners = { changed() {}, ownerChanged() {}, ended() {} };
  const directory = new Directory({ zk, env, log: silentLogger, namespace: 'default', ...listeners }, []);
  cluster.zk.remove(paths.range('default', 1));
  cluster.zk.remove(paths.ranges('default'));
  directory.refreshList();
  await env.run(5);
  t.true(directory.isDropped);
  directory.close();
});

// ---- writes ------------------------------------------------------------------------------------------------------

for (const [what, replacement] of [
  ['a split', (cluster: FakeCluster) => cluster.replace([1], ['g'])],
  ['a merge', (cluster: FakeCluster) => cluster.replace([1, 2])],
  [
    'a split, a merge and a split',
    (cluster: FakeCluster) => {
      const halves = cluster.replace([1], ['c']);
      cluster.replace(cluster.replace(halves), ['b', 'k']);
    },
  ],
] as const) {
  for (const behaviour of ['silent', 'mute'] as const) {
    test(`R13: a write in doubt (${behaviour}) takes effect once across ${what}`, async (t) => {
      const { cluster, env, client } = await connected(['m']);
      const { revision } = await env.until(client.put('a', '0'));
      const owner = cluster.node('n-1');
      owner.behave = () => behaviour;
      const write = client.put('a', '1', { ifRevision: revision });
      await env.run(20);
      replacement(cluster);
      owner.behave = () => 'default';
      cluster.net.reset(owner.address);
      t.is(await outcome(cluster, write), 'ok');
      t.is(cluster.applied.length, 2);
      t.is((await env.until(client.get('a')))?.text(), '1');
    });
  }
}

for (const [what, expected] of [
  ['was applied', 'ok'],
  ['was lost', 'CROSS_RANGE'],
] as const) {
  test(`a batch in doubt that a split has parted: if its first attempt ${what}, it ends with ${expected}`, async (t) => {
    const { cluster, env, client } = await connected();
    await env.until(client.batch(puts('a', 'z')));
    const owner = cluster.node('n-1');
    owner.behave = () => (expected === 'ok' ? 'mute' : 'silent');
    const inDoubt = client.batch(puts('a', 'z'));
    await env.run(20);
    cluster.replace([1], ['m']);
    owner.behave = () => 'default';
    cluster.net.reset(owner.address);
    t.is(await outcome(cluster, inDoubt), expected);
    t.is(cluster.applied.length, expected === 'ok' ? 2 : 1);
    const before = env.now();
    t.is(await outcome(cluster, client.batch(puts('a', 'z'))), 'CROSS_RANGE');
    t.true(env.now() - before < 10, 'at once');
    t.is(await outcome(cluster, client.batch(puts('a', 'b'))), 'ok');
  });
}

test('a batch over ranges that a merge has joined, which this client does not know yet, is applied', async (t) => {
  const { cluster, client } = await connected(['m']);
  cluster.replace([1, 2], [], true);
  t.is(await outcome(cluster, client.batch(puts('a', 'z'))), 'ok');
  t.is(cluster.applied.length, 1);
});

// ---- stale reads -------------------------------------------------------------------------------------------------

for (const [what, replacement] of [
  ['a split', (cluster: FakeCluster) => cluster.replace([1], ['g'])],
  ['a merge', (cluster: FakeCluster) => cluster.replace([1, 2])],
] as const) {
  test(`after ${what} a stale read shows what the client has seen before: a replica that is behind is not asked twice`, async (t) => {
    const { cluster, env, client } = await connected(['m']);
    for (let n = 0; n < 5; n++) await env.until(client.put('a', `${n}`));
    replacement(cluster);
    await env.run(5);
    for (const fresh of cluster.nodes.values()) {
      for (const each of cluster.nodes.values()) each.appliedThrough = each === fresh ? null : 4;
      const found = await env.until(client.get('a', { read: 'stale' }));
      t.deepEqual([found?.text(), found?.node], ['4', fresh.id]);
    }
  });
}

test('a void replica of a child is passed over, by stale and by fallback reads', async (t) => {
  const { cluster, env, client } = await connected();
  await env.until(client.put('z', '1'));
  const [, right = 0] = cluster.replace([1], ['m']);
  await env.run(5);
  for (const id of ['n-1', 'n-2']) cluster.node(id).voids.add(right);
  cluster.node('n-1').behave = ({ kind }) => (kind === 'get' ? 'silent' : 'default');
  for (const read of ['stale', 'fallback'] as const) {
    const before = env.now();
    t.is((await env.until(client.get('z', { read })))?.text(), '1');
    t.true(env.now() - before < 200, `${env.now() - before} ms`);
  }
});

test('a replica of the parent that has not stepped answers nothing that the client knows better', async (t) => {
  const { cluster, env, client } = await connected();
  for (const key of ['a', 'z']) await env.until(client.put(key, 'old'));
  const { node } = cluster.range(1).owner;
  cluster.replace([1], ['m'], true);
  cluster.zk.away = true;
  for (const each of cluster.nodes.values()) each.hasStepped = false;
  t.is(node, 'n-1');
  await env.until(client.put('z', 'new'));
  for (const reverse of [false, true]) {
    for (let n = 0; n < 5; n++) {
      const { rows } = await env.until(client.scanPage({ read: 'stale', reverse }));
      const shown = rows.map((row) => `${Buffer.from(row.key)} ${row.text()}`).sort();
      t.deepEqual(shown, ['a old', 'z new']);
    }
  }
});
