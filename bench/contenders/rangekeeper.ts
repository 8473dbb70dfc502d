// Rangekeeper as a contender: clusters of its real processes, loaded through its client library.

import { connect } from '../../client/index.ts';
import { BenchCluster, type ClusterOptions, untilAllInSync } from '../bench-cluster.ts';
import { PREFIX, type Rig, VALUE_BYTES } from '../rig.ts';
import { type Contender, connectionsText, programmed } from './contender.ts';

export interface ClusterLoad {
  /** The name in reports; default: by the number of replicas. */
  readonly name?: string;
  readonly namespaces?: readonly string[];
  readonly connections?: number;
  readonly deadlineMs?: number;
}

/** The rig's name for the cluster that most workloads share. */
export function clusterName(replicas: 2 | 3): string {
  return `rangekeeper-${replicas}`;
}

/** Three nodes with three replicas of each range, or two nodes with two replicas. */
export async function rangekeeper(rig: Rig, replicas: 2 | 3, load: ClusterLoad = {}): Promise<Contender> {
  const cluster = await startCluster(rig, clusterName(replicas), rig.scale.keys, replicas);
  return rangekeeperOn(rig, cluster, { name: `Rangekeeper, ${replicas} replicas`, ...load });
}

/** The rig's cluster of this name; the first call starts it and fills it with `keys` keys. */
export function startCluster(
  rig: Rig,
  name: string,
  keys: number,
  replicas: 2 | 3 = 3,
  options: ClusterOptions = {},
): Promise<BenchCluster> {
  return rig.start(name, async () => {
    const { profiler } = rig;
    const { nodes = replicas, replicas: inSync = replicas } = options;
    const cluster = await BenchCluster.start(name, nodes, {
      replicationFactor: replicas,
      profiler,
      ...options,
    });
    const client = await connect({ zk: cluster.zk, connectMs: 30_000 });
    await untilAllInSync(client, inSync);
    await client.close();
    await (await rangekeeperOn(rig, cluster)).fill(PREFIX, keys, VALUE_BYTES);
    return cluster;
  });
}

export function rangekeeperOn(rig: Rig, cluster: BenchCluster, load: ClusterLoad = {}): Promise<Contender> {
  const { name = cluster.name, namespaces = ['default'], connections = 1, deadlineMs = 10_000 } = load;
  const driver = { kind: 'rangekeeper', zk: cluster.zk, namespaces, connections, deadlineMs } as const;
  return programmed(rig, cluster.name, driver, {
    name,
    client: `its client, ${connections === 1 ? 'one object' : connectionsText(connections)}`,
    serverPids: () => cluster.pids,
    inSync: () => cluster.inSync(),
    settled: () => cluster.writtenBehind(),
    canBeProfiled: true,
  });
}
