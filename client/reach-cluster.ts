// What a client reads from ZooKeeper at its start: the cluster's id, and all descriptors of the namespace. It waits for a
// cluster that is just being set up.

import { delay, type Env } from '../common/base/env.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import type { Logger } from '../common/base/log.ts';
import type { DescriptorImage } from '../common/model/descriptor.ts';
import { BadDataError } from '../common/model/fields.ts';
import { type Zk, ZkError, type ZkSession } from '../common/zk/store.ts';
import { ZnodeDecoder } from '../common/zk/znode-decoder.ts';
import { clusterCodec, decodeImage, decodeNamespace, parseRangeName, paths } from '../common/zk/znodes.ts';
import { throwIfAborted } from './aborts.ts';
import type { NamespaceView } from './api.ts';

/** How many descriptors are read at once. */
const READS_AT_ONCE = 64;
/** How often to look for a cluster that does not exist yet. */
const LOOK_MS = 200;

export interface Cluster {
  readonly id: string;
  readonly images: readonly DescriptorImage[];
}

export interface ReachOptions {
  readonly namespace: string;
  /** How long to wait for ZooKeeper and for the cluster. */
  readonly connectMs: number;
}

/** Rejects with NO_CLUSTER after `connectMs`, and with UNKNOWN_NAMESPACE at once if the cluster has other namespaces. */
export async function reachCluster(
  { zk, env, log }: { readonly zk: Zk; readonly env: Env; readonly log: Logger },
  { namespace, connectMs }: ReachOptions,
  signal?: AbortSignal,
): Promise<Cluster> {
  const end = env.now() + connectMs;
  for (;;) {
    throwIfAborted(signal);
    const outcome = await tryToReach(zk, log, namespace, Math.max(1, Math.ceil(end - env.now())));
    if (!(outcome instanceof RangekeeperError)) return outcome;
    if (outcome.code !== 'NO_CLUSTER' || env.now() + LOOK_MS > end) throw outcome;
    await delay(env, LOOK_MS);
  }
}

async function tryToReach(
  zk: Zk,
  log: Logger,
  namespace: string,
  timeoutMs: number,
): Promise<Cluster | RangekeeperError> {
  try {
    const session = await zk.ready(timeoutMs);
    const id = await readClusterId(session);
    return { id, images: await readDescriptors(session, log, namespace) };
  } catch (error) {
    if (error instanceof RangekeeperError) return error;
    if (error instanceof ZkError)
      return new RangekeeperError('NO_CLUSTER', `ZooKeeper did not answer: ${error.message}`);
    if (error instanceof BadDataError)
      return new RangekeeperError('NO_CLUSTER', `the cluster's record cannot be read: ${error.message}`);
    throw error;
  }
}

async function readClusterId(session: ZkSession): Promise<string> {
  const node = await session.get(paths.cluster);
  if (node === null)
    throw new RangekeeperError('NO_CLUSTER', 'ZooKeeper has no Rangekeeper cluster under this root');
  return clusterCodec.decode(node.data).clusterId;
}

/** The descriptors that can be decoded. A descriptor that cannot is logged and left out: the other ranges work without it. */
async function readDescriptors(
  session: ZkSession,
  log: Logger,
  namespace: string,
): Promise<readonly DescriptorImage[]> {
  const names = await namesOfRanges(session, namespace);
  if (names === null) throw await noNamespace(session, namespace);
  const ids = names.map(parseRangeName).filter((id) => id !== null);
  const images: DescriptorImage[] = [];
  const decoder = new ZnodeDecoder(log);
  for (let i = 0; i < ids.length; i += READS_AT_ONCE) {
    const reads = ids.slice(i, i + READS_AT_ONCE).map(async (id) => {
      const path = paths.range(namespace, id);
      const node = await session.get(path);
      return node === null ? null : decoder.decode(path, node, null, () => decodeImage(namespace, id, node));
    });
    for (const image of await Promise.all(reads)) if (image !== null) images.push(image);
  }
  return images;
}

/** Null: there is no such namespace. Another client may just have made it, so that is asked behind a barrier. */
async function namesOfRanges(session: ZkSession, namespace: string): Promise<readonly string[] | null> {
  const path = paths.ranges(namespace);
  const names = await session.children(path);
  if (names !== null) return names;
  await session.barrier();
  return session.children(path);
}

async function noNamespace(session: ZkSession, namespace: string): Promise<RangekeeperError> {
  const names = (await session.children(paths.namespaces)) ?? [];
  // It may have been created between the two reads. Then the next attempt finds it.
  if (names.length === 0 || names.includes(namespace))
    return new RangekeeperError(
      'NO_CLUSTER',
      'the cluster has no namespace yet: too few nodes, or no coordinator',
    );
  return new RangekeeperError(
    'UNKNOWN_NAMESPACE',
    `no namespace ${JSON.stringify(namespace)}; there are: ${names.join(', ')}`,
  );
}

/** Every namespace whose record can be read. Rejects with NO_CLUSTER if ZooKeeper does not answer. */
export function readNamespaces(zk: Zk, log: Logger): Promise<readonly NamespaceView[]> {
  return withSession(zk, async (session) => {
    const names = (await session.children(paths.namespaces)) ?? [];
    const read = await Promise.all(names.map((name) => viewOfNamespace(session, log, name)));
    return read.filter((view) => view !== null);
  });
}

/** One namespace, as it is now. Null: there is none of that name, or its record cannot be read. Rejects as {@link readNamespaces}. */
export function readNamespace(zk: Zk, log: Logger, name: string): Promise<NamespaceView | null> {
  return withSession(zk, async (session) => {
    await session.barrier();
    return viewOfNamespace(session, log, name);
  });
}

async function viewOfNamespace(session: ZkSession, log: Logger, name: string): Promise<NamespaceView | null> {
  const path = paths.namespace(name);
  const [node, ranges] = await Promise.all([session.get(path), session.children(paths.ranges(name))]);
  if (node === null) return null;
  const record = new ZnodeDecoder(log).decode(path, node, null, () => decodeNamespace(name, node));
  if (record === null) return null;
  return { ...record, ranges: (ranges ?? []).filter((child) => parseRangeName(child) !== null).length };
}

/** Every descriptor of the namespace. Rejects with UNKNOWN_NAMESPACE, and with NO_CLUSTER if ZooKeeper does not answer. */
export function readRanges(zk: Zk, log: Logger, namespace: string): Promise<readonly DescriptorImage[]> {
  return withSession(zk, (session) => readDescriptors(session, log, namespace));
}

/** What `read` reads. Rejects with NO_CLUSTER if ZooKeeper does not answer. */
export async function withSession<T>(zk: Zk, read: (session: ZkSession) => Promise<T>): Promise<T> {
  const { session } = zk;
  if (session === null) throw new RangekeeperError('NO_CLUSTER', 'no connection to ZooKeeper');
  try {
    return await read(session);
  } catch (error) {
    if (error instanceof ZkError)
      throw new RangekeeperError('NO_CLUSTER', `ZooKeeper did not answer: ${error.message}`);
    throw error;
  }
}
