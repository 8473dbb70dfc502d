// What a client that finds no cluster says: which address, which root, and what is there instead.

import test from 'ava';
import { describeAbsence, explained, lookAround } from '../../../client/absence.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { parseConnectString } from '../../../common/model/connect-string.ts';
import { clusterCodec } from '../../../common/zk/znodes.ts';
import { MemoryZk } from '../../support/memory-zk.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

const CLUSTER = clusterCodec.encode({
  ...{ format: 1, clusterId: 'c', nextNamespaceId: 1, nextRangeId: 1, tickMs: null },
});

/** ZooKeeper with clusters under these roots. */
function zooKeeper(...roots: readonly string[]): MemoryZk {
  const zk = new MemoryZk(new VirtualEnv());
  zk.put('/zookeeper', new Uint8Array(0));
  for (const root of roots) zk.put(`${root}/cluster`, CLUSTER);
  return zk;
}

const says = test.macro({
  async exec(t, root: string, clusters: readonly string[], expected: string) {
    const target = parseConnectString(`h1:2181,[::1]:2182${root}`);
    const found = await lookAround(zooKeeper(...clusters).session, target.root);
    t.is(
      describeAbsence(target, 'for a reason', found),
      `no cluster at h1:2181,[::1]:2182${root === '' ? '/' : root}: ${expected}`,
    );
  },
  title: (_, root: string, clusters: readonly string[]) =>
    `under ${root === '' ? '/' : root}, where ${clusters.length === 0 ? 'nothing is' : clusters.join(' and ')}`,
});

test(
  says,
  '/x',
  [],
  'ZooKeeper is there, but has no cluster under /x; start a coordinator to make one, or give another root',
);
test(
  says,
  '',
  ['/rangekeeper'],
  'ZooKeeper is there, but has no cluster under /; there is a cluster one level below: /rangekeeper',
);
test(
  says,
  '/apps',
  ['/apps/rangekeeper'],
  'ZooKeeper is there, but has no cluster under /apps; there is a cluster one level below: /apps/rangekeeper',
);
test(
  says,
  '/rangekeeper/default',
  ['/rangekeeper'],
  'ZooKeeper is there, but has no cluster under /rangekeeper/default; there is a cluster one level up: /rangekeeper',
);
test(says, '/x', [''], 'ZooKeeper is there, but has no cluster under /x; there is a cluster one level up: /');
test(
  says,
  '/rangekeper',
  ['/rangekeeper'],
  'ZooKeeper is there, but has no cluster under /rangekeper; there is a cluster beside it: /rangekeeper',
);
test(
  says,
  '/a/b/c',
  ['/a'],
  'ZooKeeper is there, but has no cluster under /a/b/c; there is a cluster further up: /a',
);
test(
  says,
  '/x',
  ['/a', '/b'],
  'ZooKeeper is there, but has no cluster under /x; there are clusters nearby: /a, /b',
);
test(says, '/a', ['/a'], 'for a reason');

test('a znode called cluster that is none of ours is no cluster', async (t) => {
  const zk = zooKeeper();
  zk.put('/other/cluster', Buffer.from('{"brokers":[]}'));
  t.deepEqual(await lookAround(zk.session, '/x'), { hasCluster: false, near: [] });
});

test('if ZooKeeper does not answer, the reason stays, and nothing more is read', async (t) => {
  const env = new VirtualEnv();
  const zk = Object.assign(new MemoryZk(env), { onSession: () => () => {} });
  const opening = Promise.reject(new RangekeeperError('NO_CLUSTER', 'nothing listens'));
  const open = () => t.fail('no further connection') as never;
  const target = parseConnectString('h:1/x');
  const error = await t.throwsAsync(explained(opening, { target, zk, open }), {
    instanceOf: RangekeeperError,
  });
  t.deepEqual([error?.code, error?.message], ['NO_CLUSTER', 'no cluster at h:1/x: nothing listens']);
});

test('if it answers, its own root is looked at over another connection, which is closed', async (t) => {
  const around = zooKeeper('/rangekeeper');
  const opening = Promise.reject(new RangekeeperError('NO_CLUSTER', 'nothing under this root'));
  const target = parseConnectString('h:1/x');
  const opened: string[] = [];
  const open = ({ root }: { readonly root: string }) => {
    opened.push(root);
    return around;
  };
  const error = await t.throwsAsync(explained(opening, { target, zk: zooKeeper(), open }));
  t.regex(error?.message ?? '', /^no cluster at h:1\/x: ZooKeeper is there, .*beside it: \/rangekeeper$/);
  t.deepEqual(opened, ['']);
  t.true(around.closed);
});

test('any other error stays as it is', async (t) => {
  const failed = new RangekeeperError('UNKNOWN_NAMESPACE', 'no namespace "x"');
  const open = () => t.fail('no further connection') as never;
  const attempt = { target: parseConnectString('h:1/x'), zk: zooKeeper(), open };
  t.is(await t.throwsAsync(explained(Promise.reject(failed), attempt)), failed);
});
