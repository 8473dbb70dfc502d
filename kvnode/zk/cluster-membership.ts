// Which cluster a node belongs to (R9): the one that its data directory has joined, for good. Every new session is asked which
// cluster it is of before anything else is read or written in it. ZooKeeper may have been lost and begun anew while the node
// ran, and what another cluster says of ranges and replicas must wipe nothing here; one that has no cluster is waited for.

import { delay, type Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import { BadDataError } from '../../common/model/fields.ts';
import type { ClusterRecord } from '../../common/model/records.ts';
import { EXIT, ProcessExit } from '../../common/process/exit.ts';
import { type Zk, ZkError, type ZkSession } from '../../common/zk/store.ts';
import { clusterCodec, paths } from '../../common/zk/znodes.ts';
import type { Stage } from '../process/stage.ts';
import type { Storage } from '../storage/storage.ts';

const RETRY_MS = 250;
const WAITING_FOR_RECORD = 'waiting for ZooKeeper to have the cluster again: it was lost there';
const WAITING_FOR_CLUSTER = 'waiting for a coordinator to make the cluster';

export interface MembershipDeps {
  readonly storage: Pick<Storage, 'clusterId' | 'joinCluster'>;
  readonly env: Env;
  readonly logger: Logger;
  /** Shows what is waited for. */
  readonly stage: Stage;
}

/** Resolves once the session is of this node's cluster, or has ended; rejects with ProcessExit where it is of another one. */
export async function admit(session: ZkSession, deps: MembershipDeps): Promise<void> {
  const { storage, env, logger, stage } = deps;
  let told = '';
  const tell = (what: string) => {
    if (what !== told) logger.warn({}, what);
    told = what;
    stage.enter(WAITING_FOR_RECORD);
  };
  for (; !session.ended && storage.clusterId !== null; await delay(env, RETRY_MS)) {
    const cluster = await recordIn(session, tell);
    if (cluster !== null) return checkSame(storage, cluster);
  }
}

/** Null: not now; where waiting for a connection is not all there is to it, `tell` is told why. */
async function recordIn(session: ZkSession, tell: (what: string) => void): Promise<ClusterRecord | null> {
  try {
    const found = await session.get(paths.cluster);
    if (found !== null) return clusterCodec.decode(found.data);
    tell('ZooKeeper has lost the cluster: waiting for it to come back');
  } catch (error) {
    if (error instanceof BadDataError) tell(unreadable(error));
    else if (!(error instanceof ZkError)) throw error;
  }
  return null;
}

function unreadable({ message }: BadDataError): string {
  return `the cluster's record cannot be read, waiting until it can: ${message}`;
}

/** Waits for the first coordinator to make the cluster, and joins it; rejects with ProcessExit where it is another one. */
export async function joinCluster(zk: Zk, deps: MembershipDeps): Promise<ClusterRecord> {
  const { storage } = deps;
  const cluster = await clusterRecord(zk, deps);
  if (storage.clusterId === null) await storage.joinCluster(cluster.clusterId);
  checkSame(storage, cluster);
  return cluster;
}

function clusterRecord(zk: Zk, { logger, stage }: MembershipDeps): Promise<ClusterRecord> {
  return new Promise((resolve) => {
    let told = false;
    const observer = zk.observeData(paths.cluster, (found) => {
      if (found === null) {
        if (!told) logger.info({}, WAITING_FOR_CLUSTER);
        told = true;
        stage.enter(WAITING_FOR_CLUSTER);
        return;
      }
      try {
        resolve(clusterCodec.decode(found.data));
        observer.close();
      } catch (error) {
        if (!(error instanceof BadDataError)) throw error;
        logger.error({}, unreadable(error));
      }
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
