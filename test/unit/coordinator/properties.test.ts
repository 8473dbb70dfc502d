// After any history, plans become empty, and the cluster is then in its desired state. Histories are random, with nodes that act at
// once or are slow.

import test from 'ava';
import fc from 'fast-check';
import { present } from '../../../common/base/assert.ts';
import { isInSync } from '../../../common/model/descriptor.ts';
import { DEFAULT_PLAN } from '../../../coordinator/config.ts';
import { plan } from '../../../coordinator/plan.ts';
import type { RangeStep } from '../../../coordinator/step.ts';
import {
  counts,
  createTask,
  IDLE_MS,
  nodesOf,
  ownersOf,
  rangeSteps,
  SmallCluster,
} from '../../support/small-cluster.ts';

const config = DEFAULT_PLAN;
const spread = (values: readonly number[]) => Math.max(...values) - Math.min(...values);

type Happening =
  | { readonly kind: 'start' | 'stop' | 'drain' | 'activate' | 'leave'; readonly node: number }
  | { readonly kind: 'cut' | 'cut-one-way' | 'mend'; readonly node: number; readonly other: number }
  | { readonly kind: 'isolate' | 'stick' | 'unhealthy' | 'stopping'; readonly node: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'namespace'; readonly rf: number; readonly ranges: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    kind: fc.constantFrom(
      'start' as const,
      'stop' as const,
      'drain' as const,
      'activate' as const,
      'leave' as const,
    ),
    node: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({
    kind: fc.constantFrom('cut' as const, 'cut-one-way' as const, 'mend' as const),
    node: fc.integer({ min: 1, max: 6 }),
    other: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({
    kind: fc.constantFrom('isolate' as const, 'stick' as const, 'unhealthy' as const, 'stopping' as const),
    node: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(0, 100, 15_000, 70_000) }),
  fc.record({
    kind: fc.constant('namespace' as const),
    rf: fc.integer({ min: 1, max: 5 }),
    ranges: fc.integer({ min: 1, max: 12 }),
  }),
);

function happen(cluster: SmallCluster, event: Happening, zones: number): void {
  switch (event.kind) {
    case 'start':
      return cluster.start(`n${event.node}`, { zone: `z${event.node % zones}` });
    case 'stop':
      return cluster.stop(`n${event.node}`);
    case 'drain':
      return setMode(cluster, event.node, 'draining');
    case 'activate':
      return setMode(cluster, event.node, 'active');
    case 'leave':
      return setMode(cluster, event.node, 'gone');
    case 'cut':
      if (event.node !== event.other) cluster.cut(`n${event.node}`, `n${event.other}`);
      return;
    case 'cut-one-way':
      if (event.node !== event.other) cluster.cutOneWay(`n${event.node}`, `n${event.other}`);
      return;
    case 'mend':
      return cluster.endFaults();
    case 'isolate':
      return cluster.isolate(`n${event.node}`);
    case 'stick':
      cluster.stuck.add(`n${event.node}`);
      return;
    case 'unhealthy':
      cluster.unhealthy.add(`n${event.node}`);
      return;
    case 'stopping':
      if (cluster.live.has(`n${event.node}`)) cluster.setStanding(`n${event.node}`, 'stopping');
      return;
    case 'pass':
      cluster.time += event.ms;
      return;
    case 'namespace': {
      const splitAt = [...'abcdefghijklmnop'].slice(1, event.ranges);
      return cluster.ask(`t${cluster.tasks.size}`, {
        ...createTask({ replicationFactor: event.rf, splitAt }),
        name: `ns${cluster.tasks.size}`,
      });
    }
  }
}

function setMode(cluster: SmallCluster, node: number, mode: 'active' | 'draining' | 'gone'): void {
  if (cluster.nodes.has(`n${node}`)) cluster.setMode(`n${node}`, mode);
}

/** R5, R7, R8 and R9 as seen from outside: compares each step with the state before it. */
function stepBreaks(cluster: SmallCluster, step: RangeStep): string | null {
  const before = step.before.descriptor;
  const { after } = step;
  const gone = before.replicas.filter(({ node }) => !nodesOf(after).includes(node));
  if (gone.some(({ node }) => isInSync(before, node))) return 'R9: an in-sync member is removed';
  if (after.inSync.join() !== before.inSync.join()) return 'only owners change the in-sync set';
  if (after.epoch !== before.epoch) {
    if (cluster.live.get(before.owner.node)?.session === before.owner.session) return 'R7: the owner lives';
    if (!isInSync(before, after.owner.node)) return 'R7: a promoted node is in-sync';
    if (cluster.live.get(after.owner.node)?.session !== after.owner.session)
      return 'R7: a promoted node is live';
  }
  const { transferTo } = after;
  if (step.change === 'transfer' && cluster.nodes.get(transferTo ?? '')?.record.mode !== 'active') {
    return 'a hand-over goes to an active node';
  }
  if (step.change === 'add-replica' || step.change === 'move-replica') {
    const { node } = step;
    const owner = before.owner.node;
    if (node === null || (cluster.live.has(owner) && !cluster.areConnected(owner, node)))
      return 'a replica goes where its owner can reach it';
    if (isPoor(cluster, node)) return 'a replica goes to a node that stays and is healthy';
  }
  if (step.change === 'transfer' && isPoor(cluster, transferTo ?? ''))
    return 'a hand-over goes to a node that stays and is healthy';
  if (transferTo !== null && transferTo === after.retire && step.change !== 'retire-replica') {
    return 'a hand-over does not go to a replica that is to retire';
  }
  return null;
}

/** Not live, about to stop, or unhealthy. */
function isPoor(cluster: SmallCluster, node: string): boolean {
  const live = cluster.live.get(node);
  return live === undefined || live.standing === 'stopping' || cluster.unhealthy.has(node);
}

test('every step keeps the rules, plans become empty, and the load is then as even as possible', (t) => {
  const moment = fc.record({ event: happening, nodes: fc.constantFrom('act' as const, 'idle' as const) });
  const histories = fc.array(moment, { minLength: 1, maxLength: 25 });
  const property = fc.property(histories, fc.integer({ min: 1, max: 4 }), (history, zones) => {
    const cluster = new SmallCluster();
    for (let i = 1; i <= 3; i++) cluster.start(`n${i}`, { zone: `z${i % zones}` });
    for (const { event, nodes } of history) {
      happen(cluster, event, zones);
      for (const step of rangeSteps(plan(cluster.view(), config))) {
        const broken = stepBreaks(cluster, step);
        if (broken !== null) throw new Error(`${broken}: ${step.reason}`);
      }
      cluster.round(config, 10, nodes);
    }
    cluster.settle(config, IDLE_MS);
    cluster.endFaults();
    for (let i = 1; i <= 6; i++) {
      cluster.start(`n${i}`, { zone: `z${i % zones}` });
      cluster.setMode(`n${i}`, 'active');
    }
    cluster.settle(config, IDLE_MS);
    for (const descriptor of cluster.descriptors) {
      const rf = present(cluster.namespaces.get(descriptor.namespace), 'namespace').record.replicationFactor;
      if (descriptor.replicas.length !== rf) throw new Error(`range ${descriptor.id} has not ${rf} replicas`);
      if (descriptor.inSync.length !== rf) throw new Error(`range ${descriptor.id} is not wholly in-sync`);
    }
    const owners = counts(ownersOf(cluster), cluster.nodes.keys());
    const roomy = [...cluster.namespaces.values()].every(({ record }) => record.replicationFactor > 2);
    if (roomy && spread(owners) > 1) throw new Error(`owners are uneven: ${owners.join()}`);
    const replicas = counts(cluster.descriptors.flatMap(nodesOf), cluster.nodes.keys());
    if (zones === 1 && spread(replicas) > 1) throw new Error(`replicas are uneven: ${replicas.join()}`);
  });
  fc.assert(property, { numRuns: 250, includeErrorInReport: true });
  t.pass();
});
