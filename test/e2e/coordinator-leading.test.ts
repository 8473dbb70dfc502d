// The coordinator on a real ZooKeeper, in the test's own process: fencing, the order of reads before a promotion, tasks, an
// outage, and malformed znodes.

import test from 'ava';
import { present } from '../../common/base/assert.ts';
import { realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import { withOwner } from '../../common/model/descriptor.ts';
import type { TaskRequest } from '../../common/model/records.ts';
import { type Zk, ZkError, type ZkOp, type ZkSession } from '../../common/zk/store.ts';
import { coordinatorEpochCodec, liveCodec, paths, taskCodec } from '../../common/zk/znodes.ts';
import type { ClusterView } from '../../coordinator/cluster-view.ts';
import { commitSteps, type Fence, type Outcome } from '../../coordinator/commit.ts';
import { DEFAULT_PLAN } from '../../coordinator/config.ts';
import { Connectivity } from '../../coordinator/connectivity.ts';
import { NO_LOADS } from '../../coordinator/load-view.ts';
import { ensureCluster } from '../../coordinator/new-cluster.ts';
import { isPromotion, plan } from '../../coordinator/plan.ts';
import { rereadForPromotion } from '../../coordinator/reread.ts';
import type { RangeStep } from '../../coordinator/step.ts';
import {
  readEvents,
  readQueue,
  readRanges,
  startFakeNode,
  startLocalCoordinator,
  untilChildren,
  untilData,
  untilRange,
  untilRanges,
  untilTask,
  untilTerm,
} from '../support/fake-nodes.ts';
import { WAIT_MS_MAX } from '../support/processes.ts';
import { openZk, startOwnZooKeeper, startZooKeeper } from '../support/zookeeper.ts';

const text = (value: string) => new TextEncoder().encode(value);

test('many coordinators create the cluster at the same time, and all get the same one', async (t) => {
  const { connect } = await startZooKeeper(t);
  const sessions = await Promise.all(Array.from({ length: 6 }, () => openZk(t, connect).ready(WAIT_MS_MAX)));
  const records = await Promise.all(sessions.map((session) => ensureCluster(session, realEnv, 200)));
  t.is(new Set(records.map((record) => record.clusterId)).size, 1);
});

test('a leader whose place in the queue is deleted is fenced by the next leader and queues again', async (t) => {
  const { connect } = await startZooKeeper(t);
  const first = startLocalCoordinator(t, connect);
  await first.untilRole('leader');
  const second = startLocalCoordinator(t, connect);
  await second.untilRole('standby');
  const nodes = await Promise.all(['n-1', 'n-2', 'n-3'].map((id) => startFakeNode(t, connect, id)));
  const zk = openZk(t, connect);
  const session = await zk.ready(WAIT_MS_MAX);
  const ranges = await untilRanges(zk);
  const [leading] = await readQueue(session);
  await session.delete(paths.coordinator(present(leading, 'leader').name), 0);
  await second.untilRole('leader');
  t.is(first.coordinator.role, 'leader', 'it does not know yet that it lost its place');
  await nodes[0]?.zk.close();
  const orphan = present(
    ranges.find(({ descriptor }) => descriptor.owner.node === 'n-1'),
    'a range of n-1',
  );
  const { descriptor } = await untilRange(zk, orphan, (image) => image.descriptor.epoch > 1);
  await first.untilRole('standby');
  t.is(descriptor.epoch, 2, 'promoted once');
  t.true(second.steps.some((step) => step.kind === 'range' && step.change === 'promote'));
  t.false(first.steps.some((step) => step.kind === 'range' && step.change === 'promote'));
});

test('a step is executed once: it is refused if another write was first, and fenced if its leader is deposed', async (t) => {
  const { connect } = await startZooKeeper(t);
  const local = startLocalCoordinator(t, connect, { initialNodes: 1 });
  await local.untilRole('leader');
  const node = await startFakeNode(t, connect, 'n-1');
  const zk = openZk(t, connect);
  const session = await zk.ready(WAIT_MS_MAX);
  const before = present((await untilRanges(zk))[0], 'range');
  const epoch = present(await session.get(paths.coordinatorEpoch), 'epoch');
  const fence: Fence = { session, version: epoch.version, term: 1 };
  const step: RangeStep = {
    kind: 'range',
    change: 'promote',
    before,
    after: withOwner(before.descriptor, 'n-1', node.session.id),
    node: 'n-1',
    task: null,
    reason: 'a test says so',
  };
  t.is((await commitOne(fence, step)).kind, 'done');
  t.is((await commitOne(fence, step)).kind, 'refused');
  const events = (await readEvents(session)).length;
  const fresh = { ...step, before: present((await readRanges(session))[0], 'range') };
  await session.set(
    paths.coordinatorEpoch,
    coordinatorEpochCodec.encode({ term: 2, leader: null }),
    epoch.version,
  );
  t.is((await commitOne(fence, fresh)).kind, 'fenced');
  t.is((await readRanges(session))[0]?.version, fresh.before.version);
  t.is((await readEvents(session)).length, events, 'a refused step leaves no event');
});

async function commitOne(fence: Fence, step: RangeStep): Promise<Outcome> {
  const [outcome] = await commitSteps(fence, [step], 0);
  return present(outcome, 'an outcome');
}

/** The session, which logs the paths that it reads, in order. */
function recording(session: ZkSession, log: string[]): ZkSession {
  return new Proxy(session, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        log.push(String(args[0]));
        return Reflect.apply(member, target, args);
      };
    },
  });
}

function emptyView(): ClusterView {
  const record = { format: 1, clusterId: '', nextNamespaceId: 1, nextRangeId: 1, tickMs: null } as const;
  return {
    cluster: { record, version: 0 },
    nodes: new Map(),
    live: new Map(),
    health: new Map(),
    connectivity: new Connectivity([], new Map()),
    unreachableForMs: new Map(),
    stuckForMs: new Map(),
    stuckNotedForMs: new Map(),
    caughtUp: new Set(),
    otherRanges: [],
    namespaces: new Map(),
    ranges: [],
    tasks: [],
    sameForMs: new Map(),
    ownedForMs: new Map(),
    requestedForMs: new Map(),
    rangeIds: new Set(),
    loads: NO_LOADS,
    unreadableNamespaces: new Set<string>(),
    setAside: new Set<string>(),
    someNodeForMs: 0,
  };
}

test('R7: live znodes are read after the descriptors, and one that cannot be decoded counts as live', async (t) => {
  const { connect } = await startZooKeeper(t);
  const local = startLocalCoordinator(t, connect, { initialNodes: 1 });
  await local.untilRole('leader');
  const node = await startFakeNode(t, connect, 'n-1');
  const zk = openZk(t, connect);
  const session = await zk.ready(WAIT_MS_MAX);
  const ranges = await untilRanges(zk);
  await node.session.set(paths.live('n-1'), text('{nonsense'), 0);
  const log: string[] = [];
  const stale = { ...emptyView(), ranges };
  t.is(plan(stale, DEFAULT_PLAN).filter(isPromotion).length, 0, 'nobody is live in it');
  const view = await rereadForPromotion(recording(session, log), stale, ranges);
  const range = present(ranges[0], 'range').descriptor;
  t.deepEqual(log, [paths.range('default', range.id), paths.lives, paths.live('n-1')]);
  t.is(view.live.get('n-1')?.session, node.session.id);
});

async function ask(zk: Zk, id: string, request: TaskRequest): Promise<void> {
  const session = await zk.ready(WAIT_MS_MAX);
  const record = { request, state: 'pending', progress: '', createdAt: 0 } as const;
  await session.create(paths.task(id), taskCodec.encode(record), 'persistent');
}

test('tasks: a namespace is created, a second one with the same name is refused, a mode is set', async (t) => {
  const { connect } = await startZooKeeper(t);
  startLocalCoordinator(t, connect, { initialNodes: 1, firstRangesAfterMs: 0 });
  await startFakeNode(t, connect, 'n-1');
  const zk = openZk(t, connect);
  await untilRanges(zk);
  const request = {
    kind: 'create-namespace',
    name: 'logs',
    replicationFactor: 2,
    minInSync: null,
    splitAt: ['m'],
  } as const;
  await ask(zk, 'a', request);
  t.is((await untilTask(zk, 'a')).state, 'done');
  t.is((await readRanges(await zk.ready(WAIT_MS_MAX), 'logs')).length, 2);
  await ask(zk, 'b', request);
  t.like(await untilTask(zk, 'b'), { state: 'failed', progress: 'namespace logs exists already' });
  await ask(zk, 'c', { kind: 'set-node-mode', node: 'n-1', mode: 'draining' });
  t.is((await untilTask(zk, 'c')).state, 'done');
});

test('a task that is too large fails with a short reason, and later tasks are executed', async (t) => {
  const { connect } = await startZooKeeper(t);
  startLocalCoordinator(t, connect, { initialNodes: 1, firstRangesAfterMs: 0 });
  await startFakeNode(t, connect, 'n-1');
  const zk = openZk(t, connect);
  await untilRanges(zk);
  const splitAt = Array.from(
    { length: 250 },
    (_, at) => `${'\\x00'.repeat(80)}${String(at).padStart(3, '0')}`,
  );
  const request = { kind: 'create-namespace', replicationFactor: 1, minInSync: null } as const;
  await ask(zk, 'a', { ...request, name: 'large', splitAt });
  await ask(zk, 'b', { ...request, name: 'small', splitAt: null });
  t.is((await untilTask(zk, 'b')).state, 'done');
  const { state, progress } = await untilTask(zk, 'a');
  t.is(state, 'failed');
  t.regex(progress, /^the request cannot be read: it has \d+ bytes, at most 65536 are allowed$/);
});

test('a step that ZooKeeper always refuses ends its task, and blocks no other step', async (t) => {
  const { connect } = await startZooKeeper(t);
  const tried: string[] = [];
  const inspect = (ops: readonly ZkOp[]) => {
    const path = ops.find(({ kind }) => kind === 'create')?.path ?? '';
    if (ops.every((op) => !op.path.includes('poison'))) return;
    tried.push(path);
    throw new ZkError('too-large', path, { message: `ZooKeeper: 600000 bytes at ${path}` });
  };
  startLocalCoordinator(t, connect, { initialNodes: 1, firstRangesAfterMs: 0 }, inspect);
  await startFakeNode(t, connect, 'n-1');
  const zk = openZk(t, connect);
  await untilRanges(zk);
  const request = { kind: 'create-namespace', replicationFactor: 1, minInSync: null, splitAt: null } as const;
  await ask(zk, 'a', { ...request, name: 'poison' });
  await ask(zk, 'b', { ...request, name: 'other' });
  t.is((await untilTask(zk, 'b')).state, 'done');
  t.like(await untilTask(zk, 'a'), {
    state: 'failed',
    progress: 'ZooKeeper refuses it: ZooKeeper: 600000 bytes at /namespaces/poison',
  });
  t.deepEqual(tried, ['/namespaces/poison'], 'once');
});

test('a step that other writers overtake repeatedly is planned again each time, and never set aside', async (t) => {
  const { connect } = await startZooKeeper(t);
  const zk = openZk(t, connect);
  const path = paths.node('n-1');
  let overtaken = 0;
  const inspect = async (ops: readonly ZkOp[]) => {
    if (overtaken === 12 || !ops.some((op) => op.kind === 'set' && op.path === path)) return;
    overtaken++;
    const session = await zk.ready(WAIT_MS_MAX);
    const node = present(await session.get(path), 'the record');
    await session.set(path, node.data, node.version);
  };
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_: object, message: string) => void warnings.push(message) };
  startLocalCoordinator(t, connect, { initialNodes: 1, firstRangesAfterMs: 0 }, inspect, logger);
  await startFakeNode(t, connect, 'n-1');
  await untilRanges(zk);
  await ask(zk, 'a', { kind: 'set-node-mode', node: 'n-1', mode: 'draining' });
  t.is((await untilTask(zk, 'a')).state, 'done');
  t.is(overtaken, 12);
  t.deepEqual(warnings, []);
});

test('malformed tasks, nodes and live znodes stop nothing', async (t) => {
  const { connect } = await startZooKeeper(t);
  const local = startLocalCoordinator(t, connect, { initialNodes: 1 });
  await local.untilRole('leader');
  const zk = openZk(t, connect);
  const session = await zk.ready(WAIT_MS_MAX);
  await session.create(paths.task('x'), text('null'), 'persistent');
  await session.create(paths.task('y'), text('{"state":"pending"}'), 'persistent');
  await session.create(paths.node('n-9'), text('[]'), 'persistent');
  await session.create(paths.live('n-9'), text('{'), 'ephemeral');
  await session.create(
    paths.live('n-8'),
    liveCodec.encode({ name: '', address: '', startedAt: 0, version: '' }),
    'persistent',
  );
  await startFakeNode(t, connect, 'n-1');
  const ranges = await untilRanges(zk);
  t.deepEqual(
    ranges.map(({ descriptor }) => descriptor.replicas),
    [[{ node: 'n-1', inc: 1 }]],
  );
  for (const [task, fault] of [
    ['x', 'the request cannot be read: the data is no object: null'],
    ['y', 'the request cannot be read: progress is no text: null'],
  ] as const)
    t.deepEqual(await untilTask(zk, task), { request: null, state: 'failed', progress: fault, createdAt: 0 });
});

test('after an outage of ZooKeeper the same leader, or the next one, continues', async (t) => {
  const server = await startOwnZooKeeper(t);
  const connect = `${server.address}/outage`;
  startLocalCoordinator(t, connect);
  const nodes = await Promise.all(['n-1', 'n-2', 'n-3'].map((id) => startFakeNode(t, connect, id)));
  const zk = openZk(t, connect);
  const ranges = await untilRanges(zk);
  await server.kill();
  await server.start();
  await zk.ready(WAIT_MS_MAX);
  await nodes[0]?.zk.close();
  const orphan = present(
    ranges.find(({ descriptor }) => descriptor.owner.node === 'n-1'),
    'a range of n-1',
  );
  const { descriptor } = await untilRange(zk, orphan, (image) => image.descriptor.owner.node !== 'n-1');
  t.true(descriptor.epoch > 1);
});

test('the number of events and finished tasks is bounded', async (t) => {
  const { connect } = await startZooKeeper(t);
  startLocalCoordinator(t, connect, { initialNodes: 1, eventsKept: 5, tasksKept: 3, pollMs: 50 });
  await startFakeNode(t, connect, 'n-1');
  const zk = openZk(t, connect);
  await untilRanges(zk);
  for (let i = 0; i < 8; i++) await ask(zk, `t${i}`, { kind: 'transfer', range: 99, to: 'n-1' });
  await untilChildren(zk, paths.tasks, (names) => names.length === 3);
  const kept = await untilChildren(zk, paths.events, (names) => names.length === 5);
  await untilData(zk, paths.event(kept[0] ?? ''), (node) => node !== null);
  t.is((await untilTerm(zk, 0)).term, 1);
});
