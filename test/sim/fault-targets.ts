// Whom a fault strikes, and the pieces that several kinds of fault are made of. All chance is the fault's own.

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

/** Null: it can't strike now. */
export type Strike = (cluster: Cluster, dice: Dice) => Fault | null;

function runningNode({ nodes }: Cluster, { rng }: Dice): NodeProcess | null {
  const running = nodes.filter(({ busy, node, host }) => busy && node !== null && !host.process.paused);
  return running.length === 0 ? null : rng.pick(running);
}

/** Kept down until the fault is over. */
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
  one.host.process.kill(dice.chance(0.5) ? 'told' : 'silent');
  return { text: one.host.name, undo: () => !one.host.process.alive && one.start() };
}

/** Two that talk with each other: never two ZooKeeper servers, that is another fault. */
export function talkers(
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
    for (const [from, to] of pairs) network.mend(from, to);
  };
}

/** None of these hears another; ZooKeeper and the clients they reach. */
export function apart(cluster: Cluster, names: readonly string[]): Fault {
  const pairs = names.flatMap((from) =>
    names.filter((to) => to !== from).map((to): readonly [string, string] => [from, to]),
  );
  return { text: names.join(' '), undo: cut(cluster, pairs) };
}

/** One way of a node, a coordinator or a client to all ZooKeeper servers is cut; `way` says which, for each server. */
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
 * R12: an acknowledged write survives minInSync - 1 lost disks. Whether this one may be lost too. A replica whose damage nobody has
 * met yet counts as lost wherever it is: it may come into the in-sync set at any time.
 */
export function maySpare({ descriptors, nodes }: Cluster, lost: NodeProcess): boolean {
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
 * Something that was synced is not on the disk any more when the machine comes back. Null where a range would be left without a
 * whole copy.
 * @param what counts how often there was something to damage
 */
export function damage(what: string, spoil: (disk: MachineDisk) => boolean, met: Damage): Strike {
  return ofNode((node, cluster) => {
    // One damage at a time: what the next start meets says nothing of what is latent.
    if (cluster.ensemble.isEmptied || node.damaged !== null || !maySpare(cluster, node)) return null;
    const fault = down(node, 'power');
    if (!spoil(node.disk)) return fault;
    node.damaged = met;
    cluster.world.story.count(`damage met ${met}`);
    cluster.world.story.count(what);
    return { ...fault, text: `${fault.text}, ${what}` };
  });
}

/**
 * Whether the node has raised its generation since the copy of its disk was made. One that has not may have acknowledged
 * what the copy lacks, for less than RAISE_MS; nobody could find that out.
 */
export function isOlder({ ensemble }: Cluster, id: NodeId, { disk }: DiskCopy): boolean {
  const known = ensemble.tree.get(paths.generation(id));
  const file = readNodeFile(disk, pathsOf('/data'));
  if (known === null || file?.nodeId !== id) return false;
  return !hasGeneration(file.lineage, generationCodec.decode(known.data));
}

/** An administrator's wish for a node, until it is active again; an id that has gone for good meanwhile stays as it is. */
export function mode(wished: 'draining' | 'gone'): Strike {
  return ofNode((node, { admin }) => {
    const { host, nodeId } = node;
    if (nodeId === null) return null;
    const ask = (mode: NodeMode) => admin.ask({ kind: 'set-node-mode', node: nodeId, mode });
    ask(wished);
    return { text: host.name, undo: () => (node.nodeId === nodeId ? ask('active') : undefined) };
  });
}
