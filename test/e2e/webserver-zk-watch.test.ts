// The webserver's view of a real ZooKeeper: it shows what others write, survives an outage of the server, and is not stopped by a
// malformed znode.

import test, { type ExecutionContext } from 'ava';
import { emptyBytes, toBytes } from '../../common/base/bytes.ts';
import { realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import { ensureSkeleton } from '../../common/zk/skeleton.ts';
import type { ZkSession } from '../../common/zk/store.ts';
import {
  clusterCodec,
  coordinatorCodec,
  descriptorCodec,
  eventCodec,
  liveCodec,
  namespaceCodec,
  nodeCodec,
  paths,
} from '../../common/zk/znodes.ts';
import type { ClusterView } from '../../webserver/cluster-view.ts';
import { EVENTS_SHOWN } from '../../webserver/feed.ts';
import { ZkWatch } from '../../webserver/zk-watch.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';
import { openZk, startOwnZooKeeper, startZooKeeper } from '../support/zookeeper.ts';

async function watch(t: ExecutionContext, connect: string): Promise<{ watch: ZkWatch; other: ZkSession }> {
  const other = await openZk(t, connect).ready(WAIT_MS_MAX);
  const watch = new ZkWatch(openZk(t, connect), realEnv, silentLogger);
  t.teardown(() => watch.close());
  return { watch, other };
}

/** Resolves once `holds` accepts the view. If it never does, ava's timeout ends the test. */
async function until(
  t: ExecutionContext,
  watch: ZkWatch,
  holds: (view: ClusterView) => boolean,
): Promise<void> {
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (!holds(watch.view)) return;
      forget();
      resolve();
    };
    const forget = watch.onChange(look);
    look();
  });
  t.pass();
}

function someDescriptor(): Descriptor {
  const image = new MemoryCluster().view.ranges[1];
  if (image === undefined) throw new Error('the cluster in memory has ranges');
  return image.descriptor;
}

async function found(session: ZkSession): Promise<void> {
  await ensureSkeleton(session);
  const record = { format: 1, clusterId: 'c1', nextNamespaceId: 2, nextRangeId: 2, tickMs: 200 } as const;
  await session.create(paths.cluster, clusterCodec.encode(record), 'persistent');
}

test('everything that others write appears in the view', async (t) => {
  const { connect } = await startZooKeeper(t);
  const { watch: view, other } = await watch(t, connect);
  await until(t, view, ({ zookeeper, cluster }) => zookeeper && cluster === null);
  await found(other);
  await until(t, view, ({ cluster }) => cluster?.clusterId === 'c1');

  const node = { id: 'n-b', name: 'bert', zone: 'z', capacity: 1, mode: 'active' } as const;
  await other.create(paths.node('n-b'), nodeCodec.encode(node), 'persistent');
  const live = { name: 'n', address: '127.0.0.1:1', startedAt: 1, version: '0' };
  await other.create(paths.live('n-b'), liveCodec.encode(live), 'ephemeral');
  await until(t, view, ({ live, nodes }) => live[0]?.session === other.id && nodes[0]?.name === 'bert');

  const namespace = { name: 'default', id: 1, replicationFactor: 3, minInSync: 2 };
  const descriptor = someDescriptor();
  await other.create(paths.namespace('default'), namespaceCodec.encode(namespace), 'persistent');
  await other.create(paths.ranges('default'), emptyBytes, 'persistent');
  const range = paths.range('default', descriptor.id);
  await other.create(range, descriptorCodec.encode(descriptor), 'persistent');
  await until(t, view, ({ ranges }) => ranges[0]?.descriptor.owner.node === 'n-b');
  await other.set(range, descriptorCodec.encode({ ...descriptor, epoch: 9 }), 0);
  await until(t, view, ({ ranges }) => ranges[0]?.descriptor.epoch === 9 && ranges[0].version === 1);

  for (const host of ['first', 'second'])
    await other.create(
      paths.coordinatorPrefix(other.id),
      coordinatorCodec.encode({ host, pid: 1, address: '127.0.0.1:2' }),
      'ephemeral-sequential',
    );
  await until(t, view, ({ coordinators }) => coordinators.length === 2);
  t.deepEqual(
    view.view.coordinators.filter(({ leader }) => leader).map(({ host }) => host),
    ['first'],
  );

  await other.delete(range, 1);
  await other.delete(paths.live('n-b'), 0);
  await until(t, view, ({ ranges, live }) => ranges.length === 0 && live.length === 0);
});

test('the view has the newest of many events, newest first', async (t) => {
  const { connect } = await startZooKeeper(t);
  const { watch: view, other } = await watch(t, connect);
  await found(other);
  const total = EVENTS_SHOWN + 20;
  const add = (i: number): Promise<string> =>
    other.create(
      paths.eventPrefix,
      eventCodec.encode({ at: i, by: 'coordinator', kind: 'test', text: `event ${i}` }),
      'persistent-sequential',
    );
  for (let i = 1; i <= total; i++) await add(i);
  await until(t, view, ({ events }) => events[0]?.text === `event ${total}`);
  t.is(view.view.events.length, EVENTS_SHOWN);
  t.is(view.view.events.at(-1)?.text, 'event 21');
});

test('a malformed znode hides nothing else', async (t) => {
  const { connect } = await startZooKeeper(t);
  const { watch: view, other } = await watch(t, connect);
  await found(other);
  await other.create(paths.node('n-x'), toBytes('{"id": '), 'persistent');
  await other.create(paths.eventPrefix, toBytes('not JSON'), 'persistent-sequential');
  const node = { id: 'n-y', name: 'yves', zone: 'z', capacity: 1, mode: 'active' } as const;
  await other.create(paths.node('n-y'), nodeCodec.encode(node), 'persistent');
  const event = { at: 1, by: 'coordinator', kind: 'test', text: 'fine' };
  await other.create(paths.eventPrefix, eventCodec.encode(event), 'persistent-sequential');
  await until(t, view, ({ nodes, events }) => nodes.length === 1 && events.length === 1);
  t.is(view.view.nodes[0]?.name, 'yves');
});

test('during an outage of ZooKeeper the view stays and says so; afterwards it is updated again', async (t) => {
  const server = await startOwnZooKeeper(t);
  const { watch: view, other } = await watch(t, `${server.address}/root`);
  await found(other);
  await until(t, view, ({ zookeeper, cluster }) => zookeeper && cluster !== null);
  await server.kill();
  await until(t, view, ({ zookeeper }) => !zookeeper);
  t.is(view.view.cluster?.clusterId, 'c1');
  await server.start();
  await until(t, view, ({ zookeeper }) => zookeeper);
  const again = await openZk(t, `${server.address}/root`).ready(WAIT_MS_MAX);
  const node = { id: 'n-z', name: 'zoe', zone: 'z', capacity: 1, mode: 'active' } as const;
  await again.create(paths.node('n-z'), nodeCodec.encode(node), 'persistent');
  await until(t, view, ({ nodes }) => nodes.length === 1);
});
