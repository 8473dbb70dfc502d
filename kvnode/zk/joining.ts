// How a node that has opened its data directory joins the cluster. The cluster must be the directory's own (cluster-membership.ts),
// and the directory must not be an older copy (generation.ts). An older copy is set aside, and the process becomes a new,
// empty node (R12).

import type { ClusterRecord } from '../../common/model/records.ts';
import type { Zk } from '../../common/zk/store.ts';
import { CorruptDataError } from '../storage/data-errors.ts';
import type { Storage } from '../storage/storage.ts';
import { joinCluster, type MembershipDeps } from './cluster-membership.ts';
import { checkGeneration } from './generation.ts';

export interface JoiningDeps extends MembershipDeps {
  /** The open directory. join() sets another one if it replaces the directory. */
  storage: Storage;
  /** Sets the directory aside and opens a new node's in its place. */
  readonly replace: (storage: Storage, reason: CorruptDataError) => Promise<Storage>;
}

/** Resolves once the node may serve in the cluster. Rejects with ProcessExit if this process must not serve. */
export async function join(zk: Zk, deps: JoiningDeps): Promise<ClusterRecord> {
  const cluster = await joinCluster(zk, deps);
  try {
    await checkGeneration(zk, deps);
    return cluster;
  } catch (error) {
    if (!(error instanceof CorruptDataError)) throw error;
    deps.storage = await deps.replace(deps.storage, error);
    return joinCluster(zk, deps);
  }
}
