// Restores ZooKeeper from a backup as docs/zookeeper.md tells an administrator to: every process is restarted, and the epochs
// of the ranges are raised above what their replicas have seen.
//
// Not every backup can be restored without a loss, see isSafe: if members of a restored in-sync set have left it since the
// backup, nobody can know that, and the range may continue with the older data of those members.

import { type DescriptorImage, incOf, isInSync } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { NodeMode } from '../../common/model/records.ts';
import { clusterCodec, nodeCodec, paths, taskCodec } from '../../common/zk/znodes.ts';
import type { Cluster } from './sim-cluster.ts';
import type { ZkCopy } from './world/zk-ensemble.ts';

export interface Backup {
  readonly zk: ZkCopy;
  /** The ranges in `zk`, by path. */
  readonly ranges: ReadonlyMap<string, DescriptorImage>;
}

/** Maximum time until a killed process starts again, ms. */
const RESTART_MS = 2_000;
/** Maximum time until nodes report that ZooKeeper is behind them, ms: they check every 10 s, and report at the second check. */
export const NOTICED_MS = 25_000;

/**
 * Does nothing if the backup could not be restored without a loss.
 * @param waits whether the administrator waits until a replica that is ahead of ZooKeeper is reported, before requesting higher
 * epochs
 */
export function restoreZooKeeper(cluster: Cluster, backup: Backup, waits: boolean): void {
  const { world, ensemble, admin } = cluster;
  if (ensemble.isEmptied || !isSafe(cluster, backup)) return;
  world.story.count('zookeeper-restored');
  world.story.record('FAULT', 'ZooKeeper is restored from the backup, and all processes are restarted', true);
  const modes = modesOf(cluster);
  killAll(cluster);
  ensemble.restoreBackup(backup.zk);
  startAll(cluster);
  for (const [node, mode] of modes) {
    const restored = modeOf(cluster, node);
    if (restored !== null && restored !== mode) admin.ask({ kind: 'set-node-mode', node, mode });
  }
  const { replicaAheadEvents } = cluster;
  const end = world.clock.now + (waits ? NOTICED_MS : 0);
  const hasNoticed = () => cluster.replicaAheadEvents > replicaAheadEvents || world.clock.now >= end;
  admin.ask({ kind: 'raise-all-epochs', reports: () => (hasNoticed() ? cluster.reports : null) });
}

/**
 * Whether the backup can be restored without a loss.
 *
 * The leader trusts a restored in-sync set (R7): its members become owners, and nobody else has to acknowledge. So each member
 * whose data still exist must hold all that was acknowledged since the backup, which is certain if it is in-sync now, too. It must
 * also have the newest epoch on its disk: ZooKeeper gives out the same epochs again, and a replica that entered one of them a
 * second time could log different entries under the same epoch and seq.
 *
 * The backup must contain no open task: it would be executed again, whatever was requested since. And no node may run on an older
 * copy of its directory that was not detected yet: only ZooKeeper knows a generation above the copy's own. Nor may a range have been made
 * since, even if it is gone again: another one would get its id, and the checkers take both for one.
 */
function isSafe(cluster: Cluster, { zk, ranges }: Backup): boolean {
  if (cluster.nodes.some(({ rolledBack }) => rolledBack !== null)) return false;
  if (hasOpenTasks(zk) || nextRangeId(zk.tree) !== nextRangeId(cluster.ensemble.tree)) return false;
  if (ranges.size === 0 || ranges.size !== cluster.ranges.size) return false;
  return [...ranges].every(([path, { descriptor: old }]) => {
    const present = cluster.ranges.get(path)?.descriptor;
    if (present === undefined) return false;
    const left = old.inSync.filter((id) => cluster.node(id) !== undefined);
    return (
      left.length > 0 &&
      left.every((id) => {
        const node = cluster.node(id);
        const replica = node?.node?.status().replicas.find(({ range }) => range === old.id);
        return (
          node?.damaged === null &&
          isInSync(present, id) &&
          incOf(old, id) === incOf(present, id) &&
          replica?.inc === incOf(old, id) &&
          replica?.role !== 'void' &&
          replica?.lastEpoch === present.epoch &&
          replica.syncedSeq === replica.lastSeq
        );
      })
    );
  });
}

function hasOpenTasks({ tree }: ZkCopy): boolean {
  return [...tree.paths].some((path) => {
    const node = path.startsWith(`${paths.tasks}/`) ? tree.get(path) : null;
    if (node === null) return false;
    const { state } = taskCodec.decode(node.data);
    return state === 'pending' || state === 'running';
  });
}

function nextRangeId(tree: ZkCopy['tree']): RangeId | null {
  const znode = tree.get(paths.cluster);
  return znode === null ? null : clusterCodec.decode(znode.data).nextRangeId;
}

function modeOf({ ensemble }: Cluster, node: NodeId): NodeMode | null {
  const znode = ensemble.tree.get(paths.node(node));
  return znode === null ? null : nodeCodec.decode(znode.data).mode;
}

function modesOf(cluster: Cluster): ReadonlyMap<NodeId, NodeMode> {
  const modes = new Map<NodeId, NodeMode>();
  for (const { nodeId } of cluster.nodes) {
    const mode = nodeId === null ? null : modeOf(cluster, nodeId);
    if (nodeId !== null && mode !== null) modes.set(nodeId, mode);
  }
  return modes;
}

function killAll({ nodes, coordinators, clients, admin, operator }: Cluster): void {
  for (const node of nodes) {
    if (node.busy) node.kill('container');
    else node.guardian.host.process.kill('reset');
  }
  for (const { host } of [...coordinators, ...clients, admin, operator]) host.process.kill('reset');
}

/** Starts all processes but the nodes: FaultPlan starts nodes that no fault keeps down. */
function startAll({ world, coordinators, clients, admin, operator }: Cluster): void {
  for (const one of [...coordinators, ...clients, admin, operator]) {
    world.clock.after(world.between(50, RESTART_MS), () => !one.host.process.alive && one.start());
  }
}
