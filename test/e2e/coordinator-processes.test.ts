// Two real coordinator processes on a real ZooKeeper. One leads; when it is killed or frozen, the other leads, and the frozen one
// changes nothing after it wakes.

import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { present } from '../../common/base/assert.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import type { DescriptorImage } from '../../common/model/descriptor.ts';
import { type Child, startChild } from '../../common/process/children.ts';
import type { Zk, ZkSession } from '../../common/zk/store.ts';
import { clusterCodec, coordinatorEpochCodec, paths } from '../../common/zk/znodes.ts';
import {
  type FakeNode,
  readEvents,
  readQueue,
  readRanges,
  startFakeNode,
  untilChildren,
  untilData,
  untilRange,
  untilRanges,
  untilTerm,
} from '../support/fake-nodes.ts';
import { untilStopped, WAIT_MS_MAX } from '../support/processes.ts';
import { openZk, startZooKeeper, TICK_MS } from '../support/zookeeper.ts';

const COMMAND = fileURLToPath(new URL('../../../bin/rangekeeper.js', import.meta.url));
const NODES = ['n-1', 'n-2', 'n-3'];

interface CoordinatorProcess {
  readonly child: Child;
  /** Resolves with the first log line with this message, also if it was logged before. */
  logged(message: string): Promise<Record<string, unknown>>;
}

function startCoordinator(t: ExecutionContext, connect: string): CoordinatorProcess {
  const flags = ['--zk', connect, '--session-ms', '4000', '--tick-ms', String(TICK_MS)];
  const child = startChild(realEnv, {
    argv: [COMMAND, 'coordinator', ...flags],
    stdout: 'ignore',
    stderr: 'pipe',
  });
  t.teardown(async () => {
    child.process.kill('SIGKILL');
    await child.ended;
  });
  const lines: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: present(child.process.stderr, 'stderr') }).on('line', (line) => {
    lines.push(line.startsWith('{') ? JSON.parse(line) : { msg: line });
    for (const look of [...waiting]) look();
  });
  return {
    child,
    logged: (message) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = lines.find((line) => line.msg === message);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}

interface Cluster {
  readonly zk: Zk;
  readonly session: ZkSession;
  readonly leader: CoordinatorProcess;
  readonly standby: CoordinatorProcess;
  readonly nodes: readonly FakeNode[];
  readonly ranges: readonly DescriptorImage[];
}

async function startCluster(t: ExecutionContext): Promise<Cluster> {
  const { connect } = await startZooKeeper(t);
  const both = [startCoordinator(t, connect), startCoordinator(t, connect)];
  await Promise.all(both.map((one) => one.logged('ready')));
  const zk = openZk(t, connect);
  const session = await zk.ready(WAIT_MS_MAX);
  const nodes = await Promise.all(NODES.map((id) => startFakeNode(t, connect, id)));
  const ranges = await untilRanges(zk);
  await untilChildren(zk, paths.coordinators, (names) => names.length === 2);
  const [first] = await readQueue(session);
  const leader = present(
    both.find((one) => one.child.pid === first?.pid),
    'leader',
  );
  const standby = present(
    both.find((one) => one !== leader),
    'standby',
  );
  return { zk, session, leader, standby, nodes, ranges };
}

/** Waits until `holds` accepts the pids in the election queue. The leader is first, the newest coordinator last. */
async function untilQueue(zk: Zk, holds: (pids: readonly number[]) => boolean): Promise<void> {
  for (;;) {
    const session = await zk.ready(WAIT_MS_MAX);
    if (holds((await readQueue(session)).map(({ pid }) => pid))) return;
    await delay(realEnv, 20);
  }
}

const ownedBy = (ranges: readonly DescriptorImage[], node: string) =>
  present(
    ranges.find(({ descriptor }) => descriptor.owner.node === node),
    `a range of ${node}`,
  );

test('two coordinators start at the same time: there is one cluster, one leader, and the first ranges', async (t) => {
  const { session, ranges, nodes } = await startCluster(t);
  const cluster = clusterCodec.decode(present(await session.get(paths.cluster), 'cluster').data);
  t.regex(cluster.clusterId, /^[0-9a-f]{16}$/);
  t.is(cluster.tickMs, TICK_MS);
  t.is(cluster.nextRangeId, 4);
  const epoch = coordinatorEpochCodec.decode(
    present(await session.get(paths.coordinatorEpoch), 'epoch').data,
  );
  t.is(epoch.term, 1);
  t.deepEqual(ranges.map(({ descriptor }) => descriptor.owner.node).sort(), NODES);
  for (const { descriptor } of ranges) {
    t.deepEqual(descriptor.inSync, NODES);
    t.is(descriptor.epoch, 1);
    t.is(nodes.find(({ id }) => id === descriptor.owner.node)?.session.id, descriptor.owner.session);
  }
  t.deepEqual(
    (await readEvents(session)).map(({ kind }) => kind),
    ['create-namespace'],
  );
});

test('the leader is killed, then an owner: the standby leads and promotes', async (t) => {
  const { zk, session, leader, nodes, ranges } = await startCluster(t);
  leader.child.process.kill('SIGKILL');
  const orphan = ownedBy(ranges, 'n-1');
  await nodes[0]?.zk.close();
  const { descriptor } = await untilRange(zk, orphan, (image) => image.descriptor.epoch > 1);
  t.is(descriptor.epoch, 2);
  t.true(['n-2', 'n-3'].includes(descriptor.owner.node), descriptor.owner.node);
  t.is(nodes.find(({ id }) => id === descriptor.owner.node)?.session.id, descriptor.owner.session);
  t.deepEqual(descriptor.inSync, NODES, 'a promotion does not change the in-sync set');
  const untouched = (await readRanges(session)).filter((image) => image.descriptor.id !== descriptor.id);
  t.deepEqual(
    untouched.map(({ version }) => version),
    [0, 0],
  );
  const last = (await readEvents(session)).at(-1);
  t.is(last?.kind, 'promote');
  t.regex(last?.text ?? '', /is promoted: the session of its owner n-1 has ended/);
});

test('a leader that is frozen until its session has ended changes nothing when it wakes, and becomes a standby', async (t) => {
  const { zk, session, leader, nodes, ranges } = await startCluster(t);
  leader.child.process.kill('SIGSTOP');
  await untilStopped(leader.child.pid);
  await nodes[0]?.zk.close();
  await untilTerm(zk, 1);
  await untilRange(zk, ownedBy(ranges, 'n-1'), (image) => image.descriptor.epoch > 1);
  const before = await readRanges(session);
  leader.child.process.kill('SIGCONT');
  await leader.logged('ZooKeeper session ended');
  await untilQueue(zk, (pids) => pids.at(-1) === leader.child.pid && pids.length === 2);
  t.deepEqual(await readRanges(session), before);
  const epoch = coordinatorEpochCodec.decode(
    present(await session.get(paths.coordinatorEpoch), 'epoch').data,
  );
  t.is(epoch.term, 2);
  t.is((await readEvents(session)).filter(({ kind }) => kind === 'promote').length, 1);
});

test('after SIGTERM the leader leaves the queue at once and ends with code 0', async (t) => {
  const { zk, leader, standby } = await startCluster(t);
  leader.child.process.kill('SIGTERM');
  t.deepEqual(await leader.child.ended, { code: 0, signal: null });
  t.is((await untilTerm(zk, 1)).term, 2);
  await standby.logged('leading');
  const health = String((await standby.logged('ready')).address);
  t.is((await fetch(`http://${health}/readyz`)).status, 200);
  const metrics = await (await fetch(`http://${health}/metrics`)).text();
  t.regex(metrics, /^rangekeeper_coordinator_leader 1$/m);
});

test('without ZooKeeper a coordinator reports that, is not ready, and stops after SIGTERM', async (t) => {
  const lonely = startCoordinator(t, '127.0.0.1:1/none');
  await lonely.logged('no ZooKeeper session yet; still trying');
  lonely.child.process.kill('SIGTERM');
  t.deepEqual(await lonely.child.ended, { code: 0, signal: null });
});

test('a cluster of another format is not changed', async (t) => {
  const { connect } = await startZooKeeper(t);
  const first = startCoordinator(t, connect);
  await first.logged('ready');
  const zk = openZk(t, connect);
  const session = await zk.ready(WAIT_MS_MAX);
  const node = present(await session.get(paths.cluster), 'cluster');
  const newer = new TextEncoder().encode(JSON.stringify({ ...clusterCodec.decode(node.data), format: 2 }));
  await session.set(paths.cluster, newer, node.version);
  await untilData(zk, paths.cluster, (found) => found?.version === 1);
  const second = startCoordinator(t, connect);
  t.is((await second.child.ended).code, 1);
  await second.logged('rangekeeper coordinator: the cluster has format 2, and this version supports 1 only');
});
