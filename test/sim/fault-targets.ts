// Chooses the targets of faults, and holds what several kinds of faults share. All random numbers come from the fault's own
// dice.

import type { NodeId } from '../../common/model/ids.ts';
import type { NodeMode } from '../../common/model/records.ts';
import { generationCodec, paths } from '../../common/zk/znodes.ts';
import { pathsOf } from '../../kvnode/storage/files.ts';
import { hasGeneration } from '../../kvnode/storage/lineage.ts';
import { readNodeFile } from '../../kvnode/storage/node-file.ts';
import type { Damage, Death, NodeProcess } from './node-process.ts';
import type { Cluster } from './sim-cluster.ts';
import type { Dice } from './world/dice.ts';
import type { Host } from './world/host.ts';
import type { DiskCopy, MachineDisk } from './world/machine-disk.ts';
import type { ZkServer } from './world/zk-server.ts';

export interface Fault {
  readonly text: string;
  readonly undo: () => void;
}

/** Begins a fault; null: it cannot strike now. */
export type Strike = (cluster: Cluster, dice: Dice) => Fault | null;

function runningNode({ nodes }: Cluster, { rng }: Dice): NodeProcess | null {
  const running = nodes.filter(({ busy, node, host }) => busy && node !== null && !host.process.paused);
  return running.length === 0 ? null : rng.pick(running);
}

/** Kills the node and keeps it down until the fault is over. */
export function down(node: NodeProcess, kind: Death): Fault {
  node.kill(kind);
  node.down = true;
  return {
    text: node.host.name,
    undo: () => {
      node.down = false;
      if (!node.busy) node.start();
    },
  };
}

export function ofNode(strike: (node: NodeProcess, cluster: Cluster, dice: Dice) => Fault | null): Strike {
  return (cluster, dice) => {
    const node = runningNode(cluster, dice);
    return node === null ? null : strike(node, cluster, dice);
  };
}

export function pause(host: Host): Fault | null {
  const { process } = host;
  if (!process.alive || process.paused) return null;
  process.pause();
  return { text: host.name, undo: () => process.alive && process.resume() };
}

export function restart(one: { readonly host: Host; start(): void }, dice: Dice): Fault | null {
  if (!one.host.process.alive) return null;
  one.host.process.kill(dice.chance(0.5) ? 'reset' : 'silent');
  return { text: one.host.name, undo: () => !one.host.process.alive && one.start() };
}

/** The names of two hosts that communicate. Never two ZooKeeper servers: other faults separate those. */
export function communicatingPair(
  { nodes, coordinators, clients, ensemble }: Cluster,
  { rng }: Dice,
): readonly [string, string] {
  const names = (all: readonly { readonly host: Host }[]) => all.map(({ host }) => host.name);
  const node = rng.pick(names(nodes));
  const others = names(nodes).filter((name) => name !== node);
  const zk = rng.pick(names(ensemble.servers));
  return rng.pick<readonly [string, string]>([
    [node, rng.pick(others)],
    [node, rng.pick(others)],
    [node, zk],
    [rng.pick(names(clients)), node],
    [rng.pick(names(coordinators)), zk],
    [rng.pick(names(clients)), zk],
  ]);
}

export function cut(
  { world: { network } }: Cluster,
  pairs: readonly (readonly [string, string])[],
): () => void {
  for (const [from, to] of pairs) network.cut(from, to);
  return () => {
    for (const [from, to] of pairs) network.repair(from, to);
  };
}

/** Cuts these hosts off from each other. They still reach ZooKeeper and the clients. */
export function partition(cluster: Cluster, names: readonly string[]): Fault {
  const pairs = names.flatMap((from) =>
    names.filter((to) => to !== from).map((to): readonly [string, string] => [from, to]),
  );
  return { text: names.join(' '), undo: cut(cluster, pairs) };
}

/**
 * Cuts one direction between a node, a coordinator or a client and all ZooKeeper servers.
 * @param way from which host to which host, for the client's name and a server's name
 */
export function ofZooKeeperClient(way: (name: string, server: string) => readonly [string, string]): Strike {
  return (cluster, { rng }) => {
    const { nodes, coordinators, clients, ensemble } = cluster;
    const { name } = rng.pick([...nodes, ...nodes, ...nodes, ...coordinators, ...clients]).host;
    const pairs = ensemble.servers.map(({ host }) => way(name, host.name));
    return { text: name, undo: cut(cluster, pairs) };
  };
}

function serverOf({ ensemble }: Cluster, { rng }: Dice): ZkServer | null {
  const up = ensemble.servers.filter(({ state }) => state === 'up');
  return up.length < ensemble.servers.length ? null : rng.pick(up);
}

export function ofServer(strike: (server: ZkServer, cluster: Cluster, dice: Dice) => () => void): Strike {
  return (cluster, dice) => {
    const server = serverOf(cluster, dice);
    return server === null ? null : { text: server.host.name, undo: strike(server, cluster, dice) };
  };
}

/**
 * Whether the disk of `lost` may be lost, too: R12 promises that an acknowledged write survives minInSync - 1 lost disks. A
 * replica with undetected damage counts as lost even outside the in-sync set, because it may become in-sync at any time.
 */
export function mayLose({ descriptors, nodes }: Cluster, lost: NodeProcess): boolean {
  const sound = new Set<NodeId>();
  const damaged = new Set<NodeId>();
  for (const node of nodes)
    if (node.nodeId !== null) (node === lost || node.damaged !== null ? damaged : sound).add(node.nodeId);
  return descriptors.every(({ inSync, replicas, minInSync }) => {
    const missing = replicas.filter(({ node }) =>
      inSync.includes(node) ? !sound.has(node) : damaged.has(node),
    );
    return missing.length < Math.max(minInSync, 1);
  });
}

/**
 * Cuts the power and damages something on the disk that was synced. Does nothing if a range would then be left without a complete
 * copy.
 * @param what counts how often there was something to damage
 */
export function damage(what: string, damageDisk: (disk: MachineDisk) => boolean, detection: Damage): Strike {
  return ofNode((node, cluster) => {
    // One damage at a time: detecting one at the next start proves nothing about a latent one.
    if (cluster.ensemble.isEmptied || node.damaged !== null || !mayLose(cluster, node)) return null;
    const fault = down(node, 'power');
    if (!damageDisk(node.disk)) return fault;
    node.damaged = detection;
    cluster.world.story.count(`damage to detect ${detection}`);
    cluster.world.story.count(what);
    return { ...fault, text: `${fault.text}, ${what}` };
  });
}

/**
 * Whether the node has raised its generation since the copy of its disk was made. If it has not, it may have acknowledged
 * writes that the copy lacks, for less than RAISE_MS, and nothing can detect that.
 */
export function isOlder({ ensemble }: Cluster, id: NodeId, { disk }: DiskCopy): boolean {
  const known = ensemble.tree.get(paths.generation(id));
  const file = readNodeFile(disk, pathsOf('/data'));
  if (known === null || file?.nodeId !== id) return false;
  return !hasGeneration(file.lineage, generationCodec.decode(known.data));
}

/** An administrator requests a mode for a node, and later requests it to be active again unless its id has gone meanwhile. */
export function mode(requested: 'draining' | 'gone'): Strike {
  return ofNode((node, { admin }) => {
    const { host, nodeId } = node;
    if (nodeId === null) return null;
    const ask = (mode: NodeMode) => admin.ask({ kind: 'set-node-mode', node: nodeId, mode });
    ask(requested);
    return { text: host.name, undo: () => (node.nodeId === nodeId ? ask('active') : undefined) };
  });
}
