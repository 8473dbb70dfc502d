// Steps that stories over three replicas share.

import { DEFAULT_REPLICATION } from '../../common/model/config.ts';
import { NODES, ReplicaCluster } from './replica-cluster.ts';

/** Everything under way arrives; the descriptor is read after each write to it. */
export function exchange(cluster: ReplicaCluster, rounds = 4): void {
  for (let round = 0; round < rounds; round++) {
    for (const id of NODES) cluster.syncAll(id);
    while (cluster.casInFlight.length > 0) cluster.applyCas(0, true);
    while (cluster.mail.length > 0) cluster.deliver(0);
    cluster.tick(5);
  }
}

/** Epoch 1 has begun. */
export function started(): ReplicaCluster {
  const cluster = new ReplicaCluster();
  exchange(cluster);
  return cluster;
}

/** Longer than a member may leave an entry unacknowledged, ms. */
export const late = DEFAULT_REPLICATION.lagMs + 100;
