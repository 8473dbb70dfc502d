// ZooKeeper restored from a backup, as NOTES says that an administrator does it: every process is restarted, and the epochs
// of the ranges are raised above what their replicas have seen.
//
// Not every backup can be restored without a loss, see isSafe: a restored descriptor of which enough members stopped being
// in-sync since is a sound one to everybody, and so the range begins with what those members have.

import { type DescriptorImage, incOf, isInSync } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { NodeMode } from '../../common/model/records.ts';
import { nodeCodec, paths, taskCodec } from '../../common/zk/znodes.ts';
import type { Cluster } from './sim-cluster.ts';
import type { ZkCopy } from './world/zk-ensemble.ts';

export interface Backup {
  readonly zk: ZkCopy;
  /** What `zk` has of the ranges. */
  readonly ranges: ReadonlyMap<string, DescriptorImage>;
}

/** Processes are back within, ms. */
const RESTART_MS = 2_000;
/** An administrator who waits to be told that something is wrong is told within: nodes look every 10 s, and twice. */
export const NOTICED_MS = 25_000;

/**
 * Does nothing where the backup could not be restored without a loss.
 * @param waits whether the administrator who asks for higher epochs waits for the report of a misfit
 */
export function restoreZooKeeper(cluster: Cluster, backup: Backup, waits: boolean): void {
  const { world, ensemble, admin } = cluster;
  if (ensemble.isEmptied || !isSafe(cluster, backup)) return;
  world.story.count('zookeeper-gone-back');
  world.story.tell('FAULT', 'ZooKeeper goes back to the backup, and all processes are restarted', true);
  const modes = modesOf(cluster);
  killAll(cluster);
  ensemble.goBackTo(backup.zk);
  startAll(cluster);
  for (const [node, mode] of modes) {
    const restored = modeOf(cluster, node);
    if (restored !== null && restored !== mode) admin.ask({ kind: 'set-node-mode', node, mode });
  }
  const { misfits } = cluster;
  const end = world.clock.now + (waits ? NOTICED_MS : 0);
  const hasNoticed = () => cluster.misfits > misfits || world.clock.now >= end;
  admin.ask({ kind: 'raise-all-epochs', reports: () => (hasNoticed() ? cluster.reports : null) });
}

/**
 * A restored in-sync set is believed (R7): its members become owners, and nobody else has to acknowledge. So each member
 * whose data still exist must hold all that was acknowledged since the backup: it is in-sync now as well. And it must
 * have seen the newest epoch, on its disk, or it could enter one that there was before, and log other entries under the same epoch
 * and seq: ZooKeeper gives out the same numbers again.
 * Nor may a request be open in it: it would be done again, whatever has been asked for since.
 * Nor may a directory be an older copy that is still to be found out: only ZooKeeper knows a generation above its own.
 */
function isSafe(cluster: Cluster, { zk, ranges }: Backup): boolean {
  if (cluster.nodes.some(({ rolledBack }) => rolledBack !== null)) return false;
  if (hasOpenTasks(zk)) return false;
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

function killAll({ nodes, coordinators, clients, admin }: Cluster): void {
  for (const node of nodes) {
    if (node.busy) node.kill('container');
    else node.guardian.host.process.kill('told');
  }
  for (const { host } of [...coordinators, ...clients, admin]) host.process.kill('told');
}

/** Nodes start again by themselves, as whoever is down for no fault's sake does. */
function startAll({ world, coordinators, clients, admin }: Cluster): void {
  for (const one of [...coordinators, ...clients, admin]) {
    world.clock.after(world.between(50, RESTART_MS), () => !one.host.process.alive && one.start());
  }
}
