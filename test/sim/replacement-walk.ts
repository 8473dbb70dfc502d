// A split or a merge, and one crash at a chosen step of it. A step is any event of the world between the request and the moment when
// all is settled again, so no message, sync or answer of ZooKeeper is left out. Afterwards the cluster heals, and all checkers judge.

import { paths } from '../../common/zk/znodes.ts';
import { checkHealed } from './heal.ts';
import { judge } from './judge.ts';
import { drawSettings } from './settings.ts';
import { Cluster } from './sim-cluster.ts';
import { World } from './world/world.ts';

export const VERBS = ['split', 'isolate', 'merge'] as const;
export const VICTIMS = ['owner', 'follower', 'leader', 'two nodes'] as const;

export interface Walk {
  readonly seed: number;
  readonly verb: (typeof VERBS)[number];
  /** Who crashes at which step; null: nobody. */
  readonly crash: { readonly who: (typeof VICTIMS)[number]; readonly step: number } | null;
}

export interface WalkResult {
  /** Events between the request and its end. */
  readonly steps: number;
  /** Writes of ZooKeeper that concern ranges. */
  readonly writes: number;
  readonly violations: readonly string[];
  story(lines: number): string;
}

const DOWN_MS = 400;
const BOUND_MS = 60_000;

export async function walk({ seed, verb, crash }: Walk): Promise<WalkResult> {
  const world = new World(seed);
  const cluster = new Cluster(world, {
    ...drawSettings(world),
    ...{ nodes: 3, coordinators: 2, clients: 2, callsPerClient: 2, keys: 12, idleRanges: 0 },
    ...{ replaceAfterMs: 15_000, balanceAfterMs: 60_000, decisions: {}, hotShare: 0 },
  });
  cluster.start();
  const isWhole = () =>
    cluster.descriptors.length > 0 && cluster.descriptors.every(({ inSync }) => inSync.length === 3);
  await until(cluster, isWhole);
  await until(cluster, () => cluster.history.operations.length >= 60);
  let writes = 0;
  const { onCommit } = cluster.ensemble;
  cluster.ensemble.onCommit = (changes, tree) => {
    if (changes.some(({ path }) => path.startsWith(paths.namespaces))) writes++;
    onCommit(changes, tree);
  };
  ask(cluster, verb);
  await until(cluster, () => cluster.descriptors.some(({ reshape }) => reshape !== null));
  const begun = world.clock.events;
  const isOver = () => !cluster.operator.busy && cluster.ended.length === 0 && isWhole();
  if (crash !== null) {
    await until(cluster, () => world.clock.events >= begun + crash.step || isOver());
    strike(cluster, crash.who);
  }
  await until(cluster, isOver);
  const steps = world.clock.events - begun;
  const counted = writes;
  await heal(cluster);
  return { steps, writes: counted, violations: world.violations, story: (lines) => world.story.text(lines) };
}

function ask({ operator, keys }: Cluster, verb: Walk['verb']): void {
  const middle = keys[Math.floor(keys.length / 2)] as string;
  if (verb === 'merge') operator.ask({ kind: 'merge', namespace: 'default', key: keys[0] as string });
  else {
    const splitKeys = verb === 'split' ? [middle] : [middle, `${middle}\\x00`];
    operator.ask({ kind: 'split', namespace: 'default', keys: splitKeys });
  }
}

/** Kills the victim. It starts again a little later. */
function strike(cluster: Cluster, who: (typeof VICTIMS)[number]): void {
  const { world, nodes, coordinators } = cluster;
  const leader = coordinators.find(({ leads }) => leads);
  if (who === 'leader') {
    if (leader === undefined) return;
    leader.host.process.kill('reset');
    world.clock.after(DOWN_MS, () => leader.start());
    return;
  }
  const parent = [...cluster.descriptors, ...cluster.ended].find(
    ({ reshape, replacement }) => reshape !== null || replacement !== null,
  );
  const owner = parent?.owner.node;
  const others = nodes.filter(({ nodeId }) => nodeId !== owner);
  const victims = who === 'owner' ? nodes.filter(({ nodeId }) => nodeId === owner) : others;
  for (const node of victims.slice(0, who === 'two nodes' ? 2 : 1)) {
    node.kill('power');
    world.clock.after(DOWN_MS, () => node.start());
  }
}

async function heal(cluster: Cluster): Promise<void> {
  const { world } = cluster;
  cluster.working = false;
  const rows = world.violations.length > 0 ? null : await checkHealed(cluster);
  judge(cluster, rows);
}

async function until({ world }: Cluster, holds: () => boolean): Promise<void> {
  const end = world.clock.now + BOUND_MS;
  const isBroken = () => world.violations.length > 0;
  await world.clock.run(() => holds() || isBroken() || world.clock.now >= end);
  if (!holds() && !isBroken()) world.violation('liveness', `not within ${BOUND_MS} ms: ${holds}`);
}
