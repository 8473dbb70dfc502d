// What the webserver reads from ZooKeeper: which coordinator leads, and how much of a large cluster it watches.

import test from 'ava';
import { toBytes } from '../../../common/base/bytes.ts';
import { silentLogger } from '../../../common/base/log.ts';
import {
  coordinatorCodec,
  descriptorCodec,
  namespaceCodec,
  paths,
  rangeName,
} from '../../../common/zk/znodes.ts';
import { ZkWatch } from '../../../webserver/zk-watch.ts';
import { MemoryZk } from '../../support/memory-zk.ts';
import { plainRange } from '../../support/plain-ranges.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

const RUBBISH = toBytes('{"a":');

function coordinator(host: string): Uint8Array {
  return coordinatorCodec.encode({ host, pid: 1, address: '127.0.0.1:1' });
}

interface Standing {
  readonly session: string | null;
  readonly data: Uint8Array;
}

const leads = test.macro<[queue: Readonly<Record<string, Standing>>, leader: string | undefined]>({
  title: (title) => `who leads: ${title}`,
  async exec(t, queue, leader) {
    const env = new VirtualEnv();
    const zk = new MemoryZk(env);
    for (const [name, { session, data }] of Object.entries(queue))
      zk.put(paths.coordinator(name), data, session);
    const watch = new ZkWatch(zk, env, silentLogger);
    await env.run(50);
    t.is(watch.view.coordinators.find((row) => row.leader)?.host, leader);
    await watch.close();
  },
});

test('nobody if nobody stands in the queue', leads, {}, undefined);
test(
  'the first in the queue, whatever the sessions are called',
  leads,
  {
    'c-00aa-0000000012': { session: '00aa', data: coordinator('second') },
    'c-00bb-0000000003': { session: '00bb', data: coordinator('first') },
  },
  'first',
);
test(
  'not a persistent znode, which the election ignores too',
  leads,
  {
    'c-00aa-0000000000': { session: null, data: coordinator('nobody') },
    'c-00bb-0000000003': { session: '00bb', data: coordinator('first') },
  },
  'first',
);
test(
  'the first one although its znode cannot be decoded, by its name',
  leads,
  {
    'c-00aa-0000000002': { session: '00aa', data: RUBBISH },
    'c-00bb-0000000003': { session: '00bb', data: coordinator('second') },
  },
  'c-00aa-0000000002',
);

test('a coordinator whose znode cannot be decoded any more stays as it was known', async (t) => {
  const env = new VirtualEnv();
  const zk = new MemoryZk(env);
  const path = paths.coordinator('c-00aa-0000000002');
  zk.put(path, coordinator('first'), '00aa');
  const watch = new ZkWatch(zk, env, silentLogger);
  await env.run(50);
  zk.put(path, RUBBISH, '00aa');
  await env.run(50);
  t.like(watch.view.coordinators[0], { host: 'first', leader: true });
  await watch.close();
});

test('a namespace that is made later appears with its ranges', async (t) => {
  const env = new VirtualEnv();
  const zk = new MemoryZk(env);
  const watch = new ZkWatch(zk, env, silentLogger);
  await env.run(50);
  t.deepEqual(watch.view.namespaces, []);
  const record = { name: 'orders', id: 2, replicationFactor: 1, minInSync: 1 };
  zk.put(paths.namespace('orders'), namespaceCodec.encode(record));
  const range = { ...plainRange(7), namespace: 'orders' };
  zk.put(paths.range('orders', range.id), descriptorCodec.encode(range));
  await env.run(50);
  t.deepEqual(watch.view.namespaces, [record]);
  t.deepEqual(
    watch.view.ranges.map(({ descriptor }) => descriptor.id),
    [range.id],
  );
  await watch.close();
});

test('the bound on watched ranges is one for all namespaces together', async (t) => {
  const env = new VirtualEnv();
  const zk = new MemoryZk(env);
  for (const [id, name] of ['a', 'b', 'c'].entries()) {
    const record = { name, id: id + 1, replicationFactor: 1, minInSync: 1 };
    zk.put(paths.namespace(name), namespaceCodec.encode(record), null, true);
    for (let range = 1; range <= 1_500; range++)
      zk.put(`${paths.ranges(name)}/${rangeName(range)}`, RUBBISH, null, true);
  }
  const watch = new ZkWatch(zk, env, silentLogger);
  await env.run(50);
  const watched = ['a', 'b', 'c'].map((name) => zk.observed(`${paths.ranges(name)}/`));
  t.is(
    watched.reduce((sum, count) => sum + count),
    4_000,
  );
  t.is(watch.view.rangesNotShown, 500);
  await watch.close();
});

test('ZooKeeper counts as silent within 1.5 s, since the first read that it did not answer, until it answers', async (t) => {
  const env = new VirtualEnv();
  const zk = new MemoryZk(env);
  const watch = new ZkWatch(zk, env, silentLogger);
  await env.run(50);
  t.true(watch.view.zookeeper);
  const stopped = env.wallNow();
  zk.silent = true;
  await env.run(1_500);
  t.false(watch.view.zookeeper);
  const since = watch.view.zookeeperSince ?? 0;
  t.true(since >= stopped && since < stopped + 700);
  await env.run(5_000);
  t.is(watch.view.zookeeperSince, since);
  zk.speak();
  await env.run(600);
  t.true(watch.view.zookeeper);
  await watch.close();
});

test('a read that takes a moment is no silence of ZooKeeper', async (t) => {
  const env = new VirtualEnv();
  const zk = new MemoryZk(env);
  const watch = new ZkWatch(zk, env, silentLogger);
  await env.run(50);
  const seen: boolean[] = [];
  watch.onChange(() => seen.push(watch.view.zookeeper));
  for (let i = 0; i < 20; i++) {
    zk.silent = true;
    await env.run(600);
    zk.speak();
    await env.run(600);
  }
  t.false(seen.includes(false));
  await watch.close();
});
