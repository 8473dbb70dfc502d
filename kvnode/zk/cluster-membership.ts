// R9: a node belongs to one cluster for good, the one that its data directory has joined. In every new session the cluster is
// checked before anything else is read or written: ZooKeeper may have been lost and made anew while the node ran, and
// descriptors of another cluster must wipe nothing here. A ZooKeeper without a cluster is waited for.

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
const WAITING_FOR_RECORD = 'waiting for ZooKeeper to have the cluster again: its record was lost';
const WAITING_FOR_CLUSTER = 'waiting for a coordinator to make the cluster';

export interface MembershipDeps {
  readonly storage: Pick<Storage, 'clusterId' | 'joinCluster'>;
  readonly env: Env;
  readonly logger: Logger;
  /** Shows what the process waits for. */
  readonly stage: Stage;
}

/** Resolves once the session is of this node's cluster, or has ended. Rejects with ProcessExit if it is of another cluster. */
export async function admit(session: ZkSession, deps: MembershipDeps): Promise<void> {
  const { storage, env, logger, stage } = deps;
  let logged = '';
  const waitFor = (text: string) => {
    if (text !== logged) logger.warn({}, text);
    logged = text;
    stage.enter(WAITING_FOR_RECORD);
  };
  for (; !session.ended && storage.clusterId !== null; await delay(env, RETRY_MS)) {
    const cluster = await readCluster(session, waitFor);
    if (cluster !== null) return checkSame(storage, cluster);
  }
}

/** Null if there is no readable record. Calls `waitFor` with the reason, unless the reason is only a failure of ZooKeeper. */
async function readCluster(
  session: ZkSession,
  waitFor: (text: string) => void,
): Promise<ClusterRecord | null> {
  try {
    const found = await session.get(paths.cluster);
    if (found !== null) return clusterCodec.decode(found.data);
    waitFor('ZooKeeper has lost the cluster: waiting for it to come back');
  } catch (error) {
    if (error instanceof BadDataError) waitFor(unreadable(error));
    else if (!(error instanceof ZkError)) throw error;
  }
  return null;
}

function unreadable({ message }: BadDataError): string {
  return `waiting until the cluster's record can be read: ${message}`;
}

/** Waits until a coordinator has made the cluster, and joins it. Rejects with ProcessExit if it is another cluster. */
export async function joinCluster(zk: Zk, deps: MembershipDeps): Promise<ClusterRecord> {
  const { storage } = deps;
  const cluster = await waitForCluster(zk, deps);
  if (storage.clusterId === null) await storage.joinCluster(cluster.clusterId);
  checkSame(storage, cluster);
  return cluster;
}

function waitForCluster(zk: Zk, { logger, stage }: MembershipDeps): Promise<ClusterRecord> {
  return new Promise((resolve) => {
    let logged = false;
    const observer = zk.observeData(paths.cluster, (found) => {
      if (found === null) {
        if (!logged) logger.info({}, WAITING_FOR_CLUSTER);
        logged = true;
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
