// What administrators ask of the leader while faults strike. A task is not undone, but what it leaves behind may be: a place that a
// range was given, a node that drains, a namespace. tasks-end.ts checks that each task ends.

import { incOf } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { TaskRequest } from '../../common/model/records.ts';
import { type FaultKind, LONG, NOTHING, SHORT } from './fault-kind.ts';
import { ofNode, type Strike } from './fault-targets.ts';
import type { Cluster } from './sim-cluster.ts';
import { openTasks } from './tasks-end.ts';
import type { Dice } from './world/dice.ts';

/** No split is asked for if there are more ranges. */
const SPLIT_RANGES_MAX = 12;

/** A request that leaves nothing to undo. */
function asked(name: string, request: (cluster: Cluster, dice: Dice) => TaskRequest | null): FaultKind {
  const strike: Strike = (cluster, dice) => {
    const task = request(cluster, dice);
    if (task === null) return null;
    cluster.operator.ask(task);
    return { text: textOf(task), undo: NOTHING };
  };
  return { name, lastsMs: [1], strike };
}

function textOf(task: TaskRequest): string {
  const { kind, ...fields } = task;
  return [kind, ...Object.values(fields)].join(' ');
}

/** Where a range may be asked to go: any node that ever was, since administrators err. */
function anyNode({ nodes, everyNodeId }: Cluster, { rng }: Dice): NodeId | undefined {
  const there = nodes.flatMap(({ nodeId }) => nodeId ?? []);
  return rng.pick([...there, ...there, ...there, ...everyNodeId]);
}

/** What is asked for a while, and then no more. */
function placed(
  name: string,
  request: (cluster: Cluster, dice: Dice) => { readonly task: TaskRequest; readonly end: () => void } | null,
): FaultKind {
  const strike: Strike = (cluster, dice) => {
    const wish = request(cluster, dice);
    if (wish === null) return null;
    cluster.operator.ask(wish.task);
    return { text: textOf(wish.task), undo: wish.end };
  };
  return { name, lastsMs: LONG, strike };
}

function drained(kind: 'drain' | 'decommission'): Strike {
  return ofNode(({ host, nodeId }, { operator, admin }) => {
    if (nodeId === null) return null;
    operator.ask({ kind, node: nodeId });
    return {
      text: host.name,
      undo: () => {
        if (kind === 'drain') operator.ask({ kind: 'undrain', node: nodeId });
        // A node that is out of the cluster is not taken in again by undrain.
        else admin.ask({ kind: 'set-node-mode', node: nodeId, mode: 'active' });
      },
    };
  });
}

/** Mostly one that can be done. */
function someMove(cluster: Cluster, dice: Dice): TaskRequest | null {
  const range = anyRange(cluster, dice);
  const from = dice.rng.pick(range?.replicas ?? [])?.node;
  if (range === undefined || from === undefined) return null;
  const free = cluster.nodes.flatMap(({ nodeId }) =>
    nodeId === null || incOf(range, nodeId) !== undefined ? [] : [nodeId],
  );
  const to = dice.chance(0.8) ? dice.rng.pick(free) : anyNode(cluster, dice);
  return to === undefined ? null : { kind: 'move', range: range.id, from, to };
}

/** Of the ranges that serve, also of those that clients do not use. */
function anyRange({ descriptors }: Cluster, { rng }: Dice) {
  return rng.pick(descriptors);
}

export const TASK_FAULTS: readonly FaultKind[] = [
  asked('split-asked', ({ keys, descriptors }, { rng }) => {
    // So many ranges that the keys of a range are few, but not that each has its own.
    if (descriptors.length > SPLIT_RANGES_MAX) return null;
    const first = rng.pick(keys);
    const second = rng.pick([null, null, `${first}\\x00`]);
    return { kind: 'split', namespace: 'default', keys: second === null ? [first] : [first, second] };
  }),
  asked('merge-asked', ({ keys }, { rng }) => {
    return { kind: 'merge', namespace: 'default', key: rng.pick(keys) };
  }),
  asked('move-asked', someMove),
  asked('transfer-to-any-asked', (cluster, dice) => {
    const range = anyRange(cluster, dice);
    const to = anyNode(cluster, dice);
    return range === undefined || to === undefined ? null : { kind: 'transfer', range: range.id, to };
  }),
  asked('rebalance-asked', () => ({ kind: 'rebalance' })),
  asked('alter-asked', (cluster, { rng }) => {
    const { guest, nodes } = cluster;
    const name = guest?.goneAt === null ? guest.name : 'default';
    // With two replicas nobody could say which of them has a row that the other one lacks.
    if (cluster.plantedRows > 0 || nodes.length < 3) return null;
    const sizes = { replicationFactor: rng.pick([2, 3]), splitBytes: rng.pick([200, 1_500, 1_000_000]) };
    return { kind: 'alter-namespace', name, ...sizes };
  }),
  placed('isolate-asked', (cluster, dice) => {
    const range = anyRange(cluster, dice);
    if (range === undefined) return null;
    const node = dice.chance(0.5) ? null : (anyNode(cluster, dice) ?? null);
    const end = () => cluster.operator.ask({ kind: 'pin', range: range.id, pinned: false });
    return { task: { kind: 'isolate', range: range.id, node }, end };
  }),
  placed('isolate-key-asked', (cluster, dice) => {
    const { keys, operator } = cluster;
    const key = dice.rng.pick(keys);
    const node = dice.chance(0.5) ? null : (anyNode(cluster, dice) ?? null);
    const task = { kind: 'isolate-key', namespace: 'default', key, node } as const;
    const own = () => cluster.descriptors.find(({ placement }) => placement.isolated);
    const end = () => {
      const range = own();
      if (range !== undefined) operator.ask({ kind: 'pin', range: range.id, pinned: false });
    };
    return { task, end };
  }),
  placed('pin-asked', (cluster, dice) => {
    const range = anyRange(cluster, dice);
    if (range === undefined) return null;
    const end = () => cluster.operator.ask({ kind: 'pin', range: range.id, pinned: false });
    return { task: { kind: 'pin', range: range.id, pinned: true }, end };
  }),
  {
    // Something that takes long is asked for, and then one of the tasks that are under way is cancelled.
    name: 'cancel-asked',
    lastsMs: SHORT,
    strike: (cluster, dice) => {
      const { operator, ensemble, keys } = cluster;
      const merge = { kind: 'merge', namespace: 'default', key: dice.rng.pick(keys) } as const;
      const task = dice.rng.pick([merge, someMove(cluster, dice)]) ?? merge;
      operator.ask(task);
      const cancel = () => {
        const open = dice.rng.pick(openTasks(ensemble));
        if (open !== undefined) operator.ask({ kind: 'cancel', task: open.id });
      };
      return { text: `after ${textOf(task)}`, undo: cancel };
    },
  },
  { name: 'drain-task-asked', lastsMs: LONG, strike: drained('drain') },
  { name: 'decommission-asked', lastsMs: LONG, strike: drained('decommission') },
  {
    name: 'namespace-dropped',
    lastsMs: [4_000, 8_000, 12_000],
    strike: (cluster, { rng }) => {
      const guest = cluster.addGuest();
      if (guest === null) return null;
      cluster.operator.ask(guest.create(rng.pick([2, 3])));
      return { text: guest.client.host.name, undo: () => cluster.operator.ask(guest.drop()) };
    },
  },
];
