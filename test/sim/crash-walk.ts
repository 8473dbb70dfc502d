// One change that an administrator asks for, and one crash at a chosen step of it. A step is any event of the world between the request and
// the moment when all is settled again, so no message, sync or answer of ZooKeeper is left out. Afterwards the cluster heals, and
// all checkers judge.

import { present } from '../../common/base/assert.ts';
import { type Descriptor, incOf } from '../../common/model/descriptor.ts';
import { paths } from '../../common/zk/znodes.ts';
import { checkHealed } from './heal.ts';
import { judge } from './judge.ts';
import { drawSettings } from './settings.ts';
import { Cluster } from './sim-cluster.ts';
import { World } from './world/world.ts';

interface Change {
  readonly nodes: number;
  /** Asks for the change, when all is at rest. */
  ask(cluster: Cluster): void;
  /** Whether the leader has begun with it. */
  hasBegun(cluster: Cluster): boolean;
  /** Whether nothing is left of it, apart from the task and from ranges that have ended. */
  isDone(cluster: Cluster): boolean;
  /** The range whose owner or follower crashes, once it has begun. */
  isSubject(descriptor: Descriptor): boolean;
}

const isReplacement = ({ reshape, replacement }: Descriptor) => reshape !== null || replacement !== null;
const REPLACEMENT: Omit<Change, 'ask'> = {
  nodes: 3,
  hasBegun: ({ descriptors }) => descriptors.some(({ reshape }) => reshape !== null),
  isDone: () => true,
  isSubject: isReplacement,
};
const MOVE: Omit<Change, 'ask'> = {
  nodes: 4,
  hasBegun: ({ descriptors }) => descriptors.some(isMoving),
  isDone: ({ descriptors }) => !descriptors.some(isMoving),
  isSubject: isMoving,
};

function isMoving({ retire, transferTo }: Descriptor): boolean {
  return retire !== null || transferTo !== null;
}

function splitAt({ operator }: Cluster, keys: readonly string[]): void {
  operator.ask({ kind: 'split', namespace: 'default', keys });
}

function middleOf({ keys }: Cluster): string {
  return present(keys[Math.floor(keys.length / 2)], 'a key');
}

function firstRange({ descriptors }: Cluster): Descriptor {
  return present(descriptors[0], 'a range');
}

/** Moves one replica of the first range to the node that has none. */
function move(cluster: Cluster, from: string): void {
  const range = firstRange(cluster);
  const to = cluster.nodes.flatMap(({ nodeId }) => nodeId ?? []).find((id) => incOf(range, id) === undefined);
  cluster.operator.ask({ kind: 'move', range: range.id, from, to: present(to, 'another node') });
}

const CHANGES = {
  split: { ...REPLACEMENT, ask: (cluster) => splitAt(cluster, [middleOf(cluster)]) },
  isolate: {
    ...REPLACEMENT,
    ask: (cluster) => splitAt(cluster, [middleOf(cluster), `${middleOf(cluster)}\\x00`]),
  },
  merge: {
    ...REPLACEMENT,
    ask: ({ operator, keys }) =>
      operator.ask({ kind: 'merge', namespace: 'default', key: present(keys[0], 'a key') }),
  },
  'move of a follower': {
    ...MOVE,
    ask: (cluster) => {
      const { inSync, owner } = firstRange(cluster);
      move(
        cluster,
        present(
          inSync.find((id) => id !== owner.node),
          'a follower',
        ),
      );
    },
  },
  'move of the owner': { ...MOVE, ask: (cluster) => move(cluster, firstRange(cluster).owner.node) },
  drain: {
    ...MOVE,
    ask: (cluster) => cluster.operator.ask({ kind: 'drain', node: firstRange(cluster).owner.node }),
  },
  drop: {
    nodes: 3,
    ask: ({ operator, guest }) => operator.ask(present(guest, 'a namespace').drop()),
    hasBegun: ({ ended }) => ended.some(isDropped),
    isDone: ({ guest }) => guest?.goneAt !== null,
    isSubject: isDropped,
  },
} as const satisfies Record<string, Change>;

function isDropped({ state }: Descriptor): boolean {
  return state === 'dropped';
}

export type Verb = keyof typeof CHANGES;
export const VERBS = Object.keys(CHANGES) as readonly Verb[];
export const VICTIMS = ['owner', 'follower', 'leader', 'two nodes'] as const;

export interface Walk {
  readonly seed: number;
  readonly verb: Verb;
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
const GUEST_OPERATIONS = 30;

/** A cluster with two clients at work, and all replicas in-sync. */
export async function smallCluster(seed: number, nodes: number): Promise<Cluster> {
  const world = new World(seed);
  const cluster = new Cluster(world, {
    ...drawSettings(world),
    ...{ nodes, coordinators: 2, clients: 2, callsPerClient: 2, keys: 12, idleRanges: 0 },
    ...{ replaceAfterMs: 15_000, balanceAfterMs: 60_000, decisions: {}, hotShare: 0 },
  });
  cluster.start();
  await until(cluster, () => isWhole(cluster));
  return cluster;
}

function isWhole({ descriptors }: Cluster): boolean {
  return descriptors.length > 0 && descriptors.every(({ inSync }) => inSync.length === 3);
}

export async function walk({ seed, verb, crash }: Walk): Promise<WalkResult> {
  const change: Change = CHANGES[verb];
  const cluster = await smallCluster(seed, change.nodes);
  const { world } = cluster;
  if (verb === 'drop') await addGuest(cluster);
  await until(cluster, () => cluster.history.operations.length >= 60);
  let writes = 0;
  const { onCommit } = cluster.ensemble;
  cluster.ensemble.onCommit = (changes, tree) => {
    if (changes.some(({ path }) => path.startsWith(paths.namespaces))) writes++;
    onCommit(changes, tree);
  };
  change.ask(cluster);
  await until(cluster, () => change.hasBegun(cluster));
  const begun = world.clock.events;
  const isOver = () =>
    !cluster.operator.busy && cluster.ended.length === 0 && isWhole(cluster) && change.isDone(cluster);
  if (crash !== null) {
    await until(cluster, () => world.clock.events >= begun + crash.step || isOver());
    strike(cluster, change, crash.who);
  }
  await until(cluster, isOver);
  const steps = world.clock.events - begun;
  const counted = writes;
  await heal(cluster);
  return { steps, writes: counted, violations: world.violations, story: (lines) => world.story.text(lines) };
}

async function addGuest(cluster: Cluster): Promise<void> {
  const guest = present(cluster.addGuest(), 'a namespace');
  cluster.operator.ask(guest.create(3));
  await until(cluster, () => guest.history.operations.length >= GUEST_OPERATIONS);
}

/** Kills the victim. It starts again a little later. */
function strike(cluster: Cluster, { isSubject }: Change, who: (typeof VICTIMS)[number]): void {
  const { world, nodes, coordinators } = cluster;
  const leader = coordinators.find(({ leads }) => leads);
  if (who === 'leader') {
    if (leader === undefined) return;
    leader.host.process.kill('reset');
    world.clock.after(DOWN_MS, () => leader.start());
    return;
  }
  const owner = [...cluster.descriptors, ...cluster.ended].find(isSubject)?.owner.node;
  const others = nodes.filter(({ nodeId }) => nodeId !== owner);
  const victims = who === 'owner' ? nodes.filter(({ nodeId }) => nodeId === owner) : others;
  for (const node of victims.slice(0, who === 'two nodes' ? 2 : 1)) {
    node.kill('power');
    world.clock.after(DOWN_MS, () => node.start());
  }
}

/** The end of a run: the clients stop, the cluster heals, and all checkers judge. */
export async function heal(cluster: Cluster): Promise<void> {
  const { world } = cluster;
  cluster.working = false;
  const rows = world.violations.length > 0 ? null : await checkHealed(cluster);
  judge(cluster, rows);
}

/** Waits until it is so; a violation if that takes too long. */
export async function until({ world }: Cluster, holds: () => boolean): Promise<void> {
  const end = world.clock.now + BOUND_MS;
  const isBroken = () => world.violations.length > 0;
  await world.clock.run(() => holds() || isBroken() || world.clock.now >= end);
  if (!holds() && !isBroken()) world.violation('liveness', `not within ${BOUND_MS} ms: ${holds}`);
}
