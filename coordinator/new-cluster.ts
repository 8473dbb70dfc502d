// The first znodes of a new cluster. Several coordinators may make them at once: for each znode the first one wins. `/cluster` is
// made last, so that a process that finds it finds the others as well.

import { toHex } from '../common/base/bytes.ts';
import type { Env } from '../common/base/env.ts';
import type { ClusterRecord } from '../common/model/records.ts';
import { ensureSkeleton, hasSkeleton } from '../common/zk/skeleton.ts';
import { ZkError, type ZkSession } from '../common/zk/store.ts';
import { clusterCodec, coordinatorEpochCodec, paths } from '../common/zk/znodes.ts';

const CLUSTER_ID_BYTES = 8;

/** Makes the missing znodes and resolves with the cluster's record. Rejects with BadDataError if that cannot be decoded. */
export async function ensureCluster(
  session: ZkSession,
  env: Env,
  tickMs: number | null,
): Promise<ClusterRecord> {
  const there = await readCluster(session);
  // A cluster that was made by an earlier version lacks the znodes that are new in this one.
  if (there === null || !(await hasSkeleton(session))) await ensureSkeleton(session);
  if (there !== null) return there;
  await ensureData(session, paths.coordinatorEpoch, coordinatorEpochCodec.encode({ term: 0, leader: null }));
  const record: ClusterRecord = {
    format: 1,
    clusterId: toHex(env.randomBytes(CLUSTER_ID_BYTES)),
    nextNamespaceId: 1,
    nextRangeId: 1,
    tickMs,
  };
  await ensureData(session, paths.cluster, clusterCodec.encode(record));
  // Another coordinator may have won: all must use the record that is there now.
  await session.barrier();
  const made = await readCluster(session);
  if (made === null) throw new ZkError('no-node', paths.cluster);
  return made;
}

async function readCluster(session: ZkSession): Promise<ClusterRecord | null> {
  const node = await session.get(paths.cluster);
  if (node === null) return null;
  return clusterCodec.decode(node.data);
}

async function ensureData(session: ZkSession, path: string, data: Uint8Array): Promise<void> {
  try {
    await session.create(path, data, 'persistent');
  } catch (error) {
    if (!(error instanceof ZkError && error.failure === 'node-exists')) throw error;
  }
}
