// Whatever administrators ask for, in any order, and whatever happens to nodes meanwhile: once all nodes are there, every task ends, and
// so do plans.

import test from 'ava';
import fc from 'fast-check';
import { present } from '../../../common/base/assert.ts';
import { compareBytes, equalBytes } from '../../../common/base/bytes.ts';
import type { Descriptor } from '../../../common/model/descriptor.ts';
import type { TaskRequest } from '../../../common/model/records.ts';
import { DEFAULT_PLAN } from '../../../coordinator/config.ts';
import { createTask, IDLE_MS, nodesOf, SmallCluster } from '../../support/small-cluster.ts';

const config = DEFAULT_PLAN;

/** Chooses one of what is there at the moment. */
const pick = fc.nat(1_000);
const node = fc.integer({ min: 1, max: 7 }).map((at) => `n${at}`);
const key = fc
  .tuple(fc.constantFrom(...'abcdefgh'), fc.constantFrom('', 'x', 'y'))
  .map((parts) => parts.join(''));
const factor = fc.integer({ min: 1, max: 4 });

/** A request, once it is known which ranges and namespaces there are. */
type Wish = (cluster: SmallCluster) => TaskRequest;

function rangeIn(cluster: SmallCluster, at: number): Descriptor | undefined {
  return cluster.descriptors[at % Math.max(1, cluster.descriptors.length)];
}

function idIn(cluster: SmallCluster, at: number): number {
  return rangeIn(cluster, at)?.id ?? 1;
}

function namespaceIn({ namespaces }: SmallCluster, at: number): string {
  return [...namespaces.keys(), 'default'][at % (namespaces.size + 1)] ?? 'default';
}

const wishes: fc.Arbitrary<Wish> = fc.oneof(
  fc.tuple(pick, fc.array(key, { minLength: 1, maxLength: 2 })).map(([at, keys]): Wish => {
    return (cluster) => ({ kind: 'split', namespace: namespaceIn(cluster, at), keys });
  }),
  fc.tuple(pick, key).map(([at, of]): Wish => {
    return (cluster) => ({ kind: 'merge', namespace: namespaceIn(cluster, at), key: of });
  }),
  fc.tuple(pick, node).map(([at, to]): Wish => {
    return (cluster) => {
      const replicas = rangeIn(cluster, at)?.replicas ?? [];
      const from = replicas[at % Math.max(1, replicas.length)]?.node ?? 'n1';
      return { kind: 'move', range: idIn(cluster, at), from, to };
    };
  }),
  fc.tuple(pick, node).map(([at, to]): Wish => {
    return (cluster) => ({ kind: 'transfer', range: idIn(cluster, at), to });
  }),
  fc.tuple(pick, fc.option(node)).map(([at, home]): Wish => {
    return (cluster) => ({ kind: 'isolate', range: idIn(cluster, at), node: home });
  }),
  fc.tuple(pick, key).map(([at, of]): Wish => {
    return (cluster) => ({ kind: 'isolate-key', namespace: namespaceIn(cluster, at), key: of, node: null });
  }),
  fc.tuple(pick, fc.boolean()).map(([at, pinned]): Wish => {
    return (cluster) => ({ kind: 'pin', range: idIn(cluster, at), pinned });
  }),
  fc.constant((): TaskRequest => ({ kind: 'rebalance' })),
  fc
    .tuple(fc.constantFrom('drain' as const, 'undrain' as const, 'decommission' as const), node)
    .map(([kind, of]): Wish => {
      return () => ({ kind, node: of });
    }),
  node.map((of): Wish => {
    return () => ({ kind: 'forget-node', node: of });
  }),
  pick.map((at): Wish => {
    return ({ tasks }) => ({
      kind: 'cancel',
      task: [...tasks.keys(), 'none'][at % (tasks.size + 1)] ?? 'none',
    });
  }),
  factor.map((replicationFactor): Wish => {
    return ({ tasks }) => ({
      ...createTask({ replicationFactor, splitAt: ['c', 'f'] }),
      name: `ns${tasks.size}`,
    });
  }),
  fc.tuple(pick, factor).map(([at, replicationFactor]): Wish => {
    return (cluster) => ({ kind: 'alter-namespace', name: namespaceIn(cluster, at), replicationFactor });
  }),
  pick.map((at): Wish => {
    return (cluster) => ({ kind: 'drop-namespace', name: namespaceIn(cluster, at) });
  }),
);

type Event = (cluster: SmallCluster, machines: number) => void;

function ask(cluster: SmallCluster, wish: Wish, dryRun: boolean): void {
  const id = `t${cluster.tasks.size}`;
  cluster.ask(id, wish(cluster));
  const task = present(cluster.tasks.get(id), id);
  if (dryRun) cluster.tasks.set(id, { ...task, record: { ...task.record, dryRun } });
}

/** @param machines how many there are; 0: the node names none */
function start(cluster: SmallCluster, id: string, machines: number): void {
  const at = Number(id.slice(1));
  const machine = machines === 0 ? {} : { machine: `m${at % machines}` };
  cluster.start(id, { zone: `z${at % 2}`, ...machine });
}

const faults: fc.Arbitrary<Event> = fc.oneof(
  node.map(
    (id): Event =>
      (cluster, machines) =>
        start(cluster, id, machines),
  ),
  node.map(
    (id): Event =>
      (cluster) =>
        cluster.stop(id),
  ),
  node.map(
    (id): Event =>
      (cluster) =>
        void cluster.unhealthy.add(id),
  ),
  fc.tuple(node, node).map(
    ([a, b]): Event =>
      (cluster) => {
        if (a !== b) cluster.cut(a, b);
      },
  ),
  fc.constantFrom(1_000, 15_000, 70_000).map(
    (ms): Event =>
      (cluster) => {
        cluster.time += ms;
      },
  ),
  fc.constant((cluster: SmallCluster) => cluster.endFaults()),
);

const requests = fc.tuple(wishes, fc.nat(6)).map(([wish, chance]): Event => {
  return (cluster) => ask(cluster, wish, chance === 0);
});

/** All nodes start again, so that nothing is held against them, and six more, each on a machine of its own. */
function heal(cluster: SmallCluster, machines: number): void {
  cluster.endFaults();
  for (const id of cluster.nodes.keys()) start(cluster, id, machines);
  for (let at = 1; at <= 6; at++) cluster.start(`x${at}`, { zone: `z${at % 2}`, machine: `x${at}` });
}

/** What is wrong with a cluster at rest; null: nothing. */
function faultIn(cluster: SmallCluster): string | null {
  for (const [id, { record }] of cluster.tasks) {
    const waitsForPeople = /is pinned there: unpin it|cannot own a range now/.test(record.progress);
    if (['pending', 'running'].includes(record.state) && !waitsForPeople)
      return `${id} has not ended: ${record.progress}`;
  }
  const gap = [...cluster.namespaces.keys()].find((name) => !isCovered(cluster, name));
  return gap === undefined ? sharedMachine(cluster) : `the ranges of ${gap} do not hold each key once`;
}

function isCovered({ descriptors }: SmallCluster, namespace: string): boolean {
  const ranges = descriptors
    .filter((descriptor) => descriptor.namespace === namespace && descriptor.state === 'serving')
    .sort((a, b) => compareBytes(a.start, b.start));
  const areInOrder = ranges.every(({ end }, at) => {
    const next = ranges[at + 1]?.start ?? null;
    return end === null || next === null ? end === next : equalBytes(end, next);
  });
  return areInOrder && ranges[0]?.start.length === 0;
}

/** Ranges with a place that people chose may stay as they are. */
function sharedMachine({ descriptors, nodes }: SmallCluster): string | null {
  for (const descriptor of descriptors) {
    const { id, state, placement } = descriptor;
    if (state !== 'serving' || placement.pinned || placement.home !== null) continue;
    const machines = nodesOf(descriptor).map((at) => nodes.get(at)?.record.machine ?? at);
    if (new Set(machines).size < machines.length) return `range ${id} is on ${machines}`;
  }
  return null;
}

function asked({ tasks }: SmallCluster): string {
  return [...tasks.values()].map(({ record }) => JSON.stringify(record.request)).join(' ');
}

test('every task ends once all nodes are there, and then plans do', (t) => {
  const event = fc.oneof(requests, faults);
  const nodes = fc.constantFrom('act' as const, 'act' as const, 'idle' as const);
  const histories = fc.array(fc.record({ event, rounds: fc.nat(4), nodes }), { minLength: 3, maxLength: 15 });
  const property = fc.property(histories, fc.constantFrom(0, 3, 5), (history, machines) => {
    const cluster = new SmallCluster();
    for (const id of ['n1', 'n2', 'n3', 'n4']) start(cluster, id, machines);
    for (const moment of history) {
      moment.event(cluster, machines);
      for (let round = 0; round < moment.rounds; round++) cluster.round(config, 1_000, moment.nodes);
    }
    heal(cluster, machines);
    cluster.settle(config, IDLE_MS);
    const fault = faultIn(cluster);
    if (fault !== null) throw new Error(`${fault}; asked for ${asked(cluster)}`);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 150, includeErrorInReport: true }));
});
