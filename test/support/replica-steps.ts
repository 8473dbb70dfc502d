// Steps that several tests of three replicas share.

import { DEFAULT_REPLICATION } from '../../common/model/config.ts';
import { NODES, ReplicaCluster } from './replica-cluster.ts';

/** Delivers all messages, executes all compare-and-sets, and syncs all logs. The descriptor is read after each change. */
export function exchange(cluster: ReplicaCluster, rounds = 4): void {
  for (let round = 0; round < rounds; round++) {
    for (const id of NODES) cluster.syncAll(id);
    while (cluster.casInFlight.length > 0) cluster.applyCas(0, true);
    while (cluster.mail.length > 0) cluster.deliver(0);
    cluster.tick(5);
  }
}

/** Three replicas in epoch 1, which has begun. */
export function started(): ReplicaCluster {
  const cluster = new ReplicaCluster();
  exchange(cluster);
  return cluster;
}

/** A time longer than a member may leave an entry unacknowledged, ms. */
export const late = DEFAULT_REPLICATION.lagMs + 100;
