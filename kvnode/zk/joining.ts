// How a node that has opened its data directory comes into its cluster: the cluster must be its own (zk/cluster-membership.ts), and
// the directory must not be an older copy (generation.ts). One that is becomes a new node, empty (R12).

import type { ClusterRecord } from '../../common/model/records.ts';
import type { Zk } from '../../common/zk/store.ts';
import { CorruptDataError } from '../storage/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { joinCluster, type MembershipDeps } from './cluster-membership.ts';
import { checkGeneration } from './generation.ts';

export interface JoiningDeps extends MembershipDeps {
  /** Of the directory as it is now. */
  storage: Storage;
  /** Sets the directory aside and opens it as a new node's. */
  readonly replace: (storage: Storage, reason: CorruptDataError) => Promise<Storage>;
}

/** Rejects with ProcessExit where this process must not serve. `deps.storage` may be another one afterwards. */
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
