// Which cluster a node belongs to (R9): the one that its data directory has joined, for good. Every new session is asked which
// cluster it is of before anything else is read or written in it. ZooKeeper may have been lost and begun anew while the node
// ran, and what another cluster says of ranges and replicas must wipe nothing here; one that has no cluster is waited for.

import { delay, type Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { ClusterRecord } from '../common/model/records.ts';
import { EXIT, ProcessExit } from '../common/process/exit.ts';
import { type Zk, ZkError, type ZkSession } from '../common/zk/store.ts';
import { clusterCodec, paths } from '../common/zk/znodes.ts';
import type { Storage } from './storage/storage.ts';

const RETRY_MS = 250;

export interface MembershipDeps {
  readonly storage: Pick<Storage, 'clusterId' | 'joinCluster'>;
  readonly env: Env;
  readonly logger: Logger;
}

/** Resolves once the session is of this node's cluster, or has ended; rejects with ProcessExit where it is of another one. */
export async function admit(session: ZkSession, { storage, env, logger }: MembershipDeps): Promise<void> {
  for (let told = false; !session.ended && storage.clusterId !== null; await delay(env, RETRY_MS)) {
    const cluster = await recordIn(session);
    if (cluster === 'not read') continue;
    if (cluster !== null) return checkSame(storage, cluster);
    if (!told) logger.warn({}, 'ZooKeeper has lost the cluster: waiting for it to come back');
    told = true;
  }
}

async function recordIn(session: ZkSession): Promise<ClusterRecord | null | 'not read'> {
  try {
    const found = await session.get(paths.cluster);
    return found === null ? null : clusterCodec.decode(found.data);
  } catch (error) {
    if (error instanceof ZkError) return 'not read';
    throw error;
  }
}

/** Waits for the first coordinator to make the cluster, and joins it; rejects with ProcessExit where it is another one. */
export async function joinCluster(zk: Zk, { storage, logger }: MembershipDeps): Promise<ClusterRecord> {
  const cluster = await clusterRecord(zk, logger);
  if (storage.clusterId === null) await storage.joinCluster(cluster.clusterId);
  checkSame(storage, cluster);
  return cluster;
}

function clusterRecord(zk: Zk, logger: Logger): Promise<ClusterRecord> {
  return new Promise((resolve) => {
    let told = false;
    const observer = zk.observeData(paths.cluster, (found) => {
      if (found === null) {
        if (!told) logger.info({}, 'waiting for a coordinator to make the cluster');
        told = true;
        return;
      }
      resolve(clusterCodec.decode(found.data));
      observer.close();
    });
  });
}

function checkSame({ clusterId: own }: MembershipDeps['storage'], { clusterId }: ClusterRecord): void {
  if (own === clusterId) return;
  throw new ProcessExit(
    EXIT.failed,
    `kvnode: this data directory belongs to cluster ${own}, ZooKeeper says ${clusterId}`,
  );
}
