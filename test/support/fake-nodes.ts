// For tests of the coordinator on a real ZooKeeper: nodes that consist of their znodes only, a coordinator in this process, and
// waits for changes in ZooKeeper, which use watches and no timers.

import type { ExecutionContext } from 'ava';
import { emptyBytes } from '../../common/base/bytes.ts';
import { realEnv } from '../../common/base/env.ts';
import { type Logger, silentLogger } from '../../common/base/log.ts';
import type { DescriptorImage } from '../../common/model/descriptor.ts';
import type {
  CoordinatorEpochRecord,
  CoordinatorRecord,
  EventRecord,
  TaskRecord,
} from '../../common/model/records.ts';
import { queueOf } from '../../common/zk/election-queue.ts';
import type { Observer, Zk, ZkNode, ZkOp, ZkSession } from '../../common/zk/store.ts';
import {
  coordinatorCodec,
  coordinatorEpochCodec,
  descriptorCodec,
  eventCodec,
  liveCodec,
  nodeCodec,
  paths,
  sequenceOf,
  taskCodec,
} from '../../common/zk/znodes.ts';
import { DEFAULT_LEADER, type LeaderConfig } from '../../coordinator/config.ts';
import { Coordinator, type Role } from '../../coordinator/coordinator.ts';
import type { Step } from '../../coordinator/step.ts';
import { WAIT_MS_MAX } from './processes.ts';
import { openZk } from './zookeeper.ts';

/** A node as a coordinator sees it. Closing its session has the same effect as killing a real node. */
export interface FakeNode {
  readonly id: string;
  readonly zk: Zk;
  readonly session: ZkSession;
}

/** Registers a node and makes it live, once a coordinator has created the cluster. */
export async function startFakeNode(t: ExecutionContext, connect: string, id: string): Promise<FakeNode> {
  const zk = openZk(t, connect);
  const session = await zk.ready(WAIT_MS_MAX);
  await untilData(zk, paths.cluster, (node) => node !== null);
  const record = nodeCodec.encode({ id, name: id, zone: '', capacity: 1, mode: 'active' });
  if ((await session.get(paths.node(id))) === null)
    await session.create(paths.node(id), record, 'persistent');
  const live = liveCodec.encode({ name: '', address: '127.0.0.1:1', startedAt: 0, version: 'test' });
  await session.create(paths.live(id), live, 'ephemeral');
  return { id, zk, session };
}

/** Resolves with the znode once `holds` accepts it; the test's own timeout is the limit. */
export function untilData(
  zk: Zk,
  path: string,
  holds: (node: ZkNode | null) => boolean,
): Promise<ZkNode | null> {
  return new Promise((resolve) => {
    const observer: Observer = zk.observeData(path, (node) => {
      if (!holds(node)) return;
      observer.close();
      resolve(node);
    });
  });
}

export function untilChildren(
  zk: Zk,
  path: string,
  holds: (names: readonly string[]) => boolean,
): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const observer: Observer = zk.observeChildren(path, (names) => {
      if (!holds(names ?? [])) return;
      observer.close();
      resolve(names ?? []);
    });
  });
}

export async function readRanges(
  session: ZkSession,
  namespace = 'default',
): Promise<readonly DescriptorImage[]> {
  const names = (await session.children(paths.ranges(namespace))) ?? [];
  const nodes = await Promise.all(names.map((name) => session.get(`${paths.ranges(namespace)}/${name}`)));
  return nodes.flatMap((node) => (node === null ? [] : [descriptorCodec.image(node)]));
}

/** Waits for the first ranges of a namespace, which are created in one multi. */
export async function untilRanges(zk: Zk, namespace = 'default'): Promise<readonly DescriptorImage[]> {
  await untilChildren(zk, paths.namespaces, (names) => names.includes(namespace));
  return readRanges(await zk.ready(WAIT_MS_MAX), namespace);
}

/** Waits until `holds` accepts the range. */
export async function untilRange(
  zk: Zk,
  { descriptor }: DescriptorImage,
  holds: (image: DescriptorImage) => boolean,
): Promise<DescriptorImage> {
  const path = paths.range(descriptor.namespace, descriptor.id);
  const node = await untilData(zk, path, (found) => found !== null && holds(descriptorCodec.image(found)));
  return descriptorCodec.image(node ?? { data: emptyBytes, version: 0 });
}

/** Waits for a term after `after`. */
export async function untilTerm(zk: Zk, after: number): Promise<CoordinatorEpochRecord> {
  const termOf = (node: ZkNode) => coordinatorEpochCodec.decode(node.data);
  const node = await untilData(
    zk,
    paths.coordinatorEpoch,
    (found) => found !== null && termOf(found).term > after,
  );
  return coordinatorEpochCodec.decode(node?.data ?? emptyBytes);
}

export async function untilTask(zk: Zk, id: string): Promise<TaskRecord> {
  const ended = (record: TaskRecord) => record.state === 'done' || record.state === 'failed';
  const node = await untilData(
    zk,
    paths.task(id),
    (found) => found !== null && ended(taskCodec.decode(found.data)),
  );
  return taskCodec.decode(node?.data ?? emptyBytes);
}

/** The election queue, the leader first. */
export async function readQueue(
  session: ZkSession,
): Promise<readonly (CoordinatorRecord & { name: string })[]> {
  const names = queueOf((await session.children(paths.coordinators)) ?? []);
  const nodes = await Promise.all(names.map((name) => session.get(paths.coordinator(name))));
  return nodes.flatMap((node, i) =>
    node === null ? [] : [{ ...coordinatorCodec.decode(node.data), name: names[i] ?? '' }],
  );
}

export async function readEvents(session: ZkSession): Promise<readonly EventRecord[]> {
  const names = [...((await session.children(paths.events)) ?? [])];
  names.sort((a, b) => sequenceOf(a) - sequenceOf(b));
  const nodes = await Promise.all(names.map((name) => session.get(paths.event(name))));
  return nodes.flatMap((node) => (node === null ? [] : [eventCodec.decode(node.data)]));
}

export interface LocalCoordinator {
  readonly coordinator: Coordinator;
  readonly zk: Zk;
  readonly steps: readonly Step[];
  /** Resolves when it has this role, at once if it has it already. */
  untilRole(role: Role): Promise<void>;
}

function inspected(zk: Zk, inspect: (ops: readonly ZkOp[]) => void | Promise<void>): Zk {
  const multi = (session: ZkSession) => async (ops: readonly ZkOp[]) => {
    await inspect(ops);
    return session.multi(ops);
  };
  return overriding(zk, {
    ready: async (timeoutMs: number) => {
      const session = await zk.ready(timeoutMs);
      return overriding(session, { multi: multi(session) });
    },
  });
}

/** `target` with these methods replaced. */
function overriding<T extends object>(target: T, methods: Record<string, unknown>): T {
  return new Proxy(target, {
    get(_, name) {
      const member: unknown = methods[String(name)] ?? Reflect.get(target, name, target);
      return typeof member === 'function' && !(String(name) in methods) ? member.bind(target) : member;
    },
  });
}

/** Starts a coordinator in this process and closes it when the test ends. */
export function startLocalCoordinator(
  t: ExecutionContext,
  connect: string,
  config: Partial<LeaderConfig> = {},
  /** Called with every multi of the coordinator before ZooKeeper gets it. If it throws, the multi fails with that error. */
  inspect: (ops: readonly ZkOp[]) => void | Promise<void> = () => {},
  logger: Logger = silentLogger,
): LocalCoordinator {
  const zk = inspected(openZk(t, connect), inspect);
  const steps: Step[] = [];
  const waiting = new Map<Role, (() => void)[]>();
  const coordinator = new Coordinator({
    zk,
    env: realEnv,
    logger,
    record: { host: 'test', pid: process.pid, address: '127.0.0.1:1' },
    config: { ...DEFAULT_LEADER, ...config },
    tickMs: 200,
    roleChanged(role) {
      for (const resolve of waiting.get(role)?.splice(0) ?? []) resolve();
    },
    committed: (step) => steps.push(step),
  });
  const running = coordinator.run();
  t.teardown(async () => {
    await coordinator.close();
    await running;
  });
  return {
    coordinator,
    zk,
    steps,
    untilRole(role) {
      if (coordinator.role === role) return Promise.resolve();
      return new Promise((resolve) => {
        waiting.set(role, [...(waiting.get(role) ?? []), resolve]);
      });
    },
  };
}
