// One random walk over three replicas (replica-cluster.ts). Messages are lost, repeated and delayed, nodes crash and sessions
// expire, but no acknowledged write is lost, no linearizable read is stale, and afterwards the range takes writes again. Everything
// depends on the seed.

import { assert } from '../../common/base/assert.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { NODES, ReplicaCluster } from './replica-cluster.ts';
import { type Rng, seededRng } from './rng.ts';

const STEPS = 1_200;
/** Older messages are dropped, otherwise the walk would deliver mostly outdated ones. */
const MAIL_MAX = 12;

type Action = (cluster: ReplicaCluster, rng: Rng) => void;

const node = (rng: Rng): NodeId => rng.pick(NODES);
const owner = (cluster: ReplicaCluster): NodeId => cluster.descriptor.owner.node;

/** What may happen next, with the weight of its probability. */
const ACTIONS: readonly (readonly [weight: number, action: Action])[] = [
  [45, (c, r) => c.deliver(r.below(c.mail.length + 1), { keep: r.below(10) === 0 })],
  [2, (c, r) => c.mail.splice(r.below(c.mail.length + 1), 1)],
  [4, (c, r) => c.seal(node(r))],
  [3, (c, r) => c.sync(node(r))],
  [10, (c, r) => c.syncAll(node(r))],
  [10, (c) => c.write(owner(c))],
  [1, (c, r) => c.write(node(r))],
  [5, (c, r) => c.tick(r.below(10) === 0 ? r.below(600) : r.below(40))],
  [3, (c, r) => c.readDescriptor(node(r), r.below(3))],
  [3, (c) => c.readDescriptor(owner(c))],
  [2, (c, r) => c.step(node(r), { kind: 'connected', node: node(r) })],
  [6, (c, r) => c.applyCas(r.below(c.casInFlight.length + 1), r.below(3) > 0)],
  [3, (c, r) => c.promote(r.below(3))],
  [3, (c, r) => c.renewSession(node(r))],
  [3, (c, r) => c.restart(node(r))],
  [0.5, (c, r) => c.handOver(node(r))],
  [0.3, (c) => c.expireOwner()],
  [0.3, (c, r) => c.crash(node(r))],
  [0.5, cutOrHeal],
  [1, (c, r) => c.removeReplica(node(r))],
  [2, (c, r) => c.addReplica(node(r))],
];
const TOTAL = ACTIONS.reduce((sum, [weight]) => sum + weight, 0);

function randomStep(cluster: ReplicaCluster, rng: Rng): void {
  if (cluster.mail.length > MAIL_MAX) cluster.mail.splice(0, cluster.mail.length - MAIL_MAX);
  let roll = rng.below(TOTAL * 1_000) / 1_000;
  for (const [weight, action] of ACTIONS) {
    if (roll < weight) return action(cluster, rng);
    roll -= weight;
  }
}

/** The session of an owner that is cut off may end without its knowledge, or stay for now. */
function cutOrHeal(cluster: ReplicaCluster, rng: Rng): void {
  cluster.cutOff = cluster.cutOff === null ? cluster.descriptor.owner.node : null;
  if (cluster.cutOff !== null && rng.below(3) > 0) cluster.expireOwner();
}

/** Returns what the walk has done. Throws AssertionError if a promise is broken. */
export function walk(seed: number): { readonly acknowledged: number; readonly epochs: number } {
  const rng = seededRng(seed);
  const cluster = new ReplicaCluster();
  for (let step = 0; step < STEPS; step++) {
    randomStep(cluster, rng);
    cluster.checkDurable();
  }
  cluster.settle();
  const before = cluster.acknowledged.size;
  cluster.write(cluster.descriptor.owner.node);
  cluster.settle();
  cluster.checkDurable();
  assert(cluster.acknowledged.size > before, 'P6: writable again once all is well');
  assert(cluster.descriptor.inSync.length === NODES.length, 'P6: all in-sync again once all is well');
  return { acknowledged: cluster.acknowledged.size, epochs: cluster.descriptor.epoch };
}
