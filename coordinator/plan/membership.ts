// Which replicas a range should have, and how many of them must be in-sync. Replicas are added up to the replication factor as
// nodes come, replaced when a node is lost, and removed when there are too many. Each rule looks at one range and proposes at most
// one change. The first rule that applies wins, so the rules below are in order of importance.

import {
  type Descriptor,
  type DescriptorImage,
  defaultMinInSync,
  isInSync,
  withMinInSync,
  withNewInc,
  withoutReplica,
  withReplica,
  withRetire,
  withTransfer,
} from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { NamespaceRecord } from '../../common/model/records.ts';
import {
  type ClusterView,
  isLeaving,
  isLost,
  isUsable,
  nameOf,
  ownerIsLive,
  replacementReason,
} from '../cluster-view.ts';
import type { RangeChange } from '../step.ts';
import { moveTarget } from './node-loads.ts';
import { freePlaces } from './places.ts';
import type { PlanBuilder } from './plan-builder.ts';

interface Change {
  readonly change: RangeChange;
  readonly after: Descriptor;
  readonly node: NodeId | null;
  readonly reason: string;
}

/** A range, and what several rules need to know about it. */
interface RangeContext {
  readonly builder: PlanBuilder;
  readonly view: ClusterView;
  readonly descriptor: Descriptor;
  readonly namespace: NamespaceRecord;
  /** Nodes whose replicas are neither lost nor about to retire. */
  readonly staying: readonly NodeId[];
  /** Nodes whose replicas must be replaced, with the reason: a clause whose subject is the node. */
  readonly lost: ReadonlyMap<NodeId, string>;
}

const RULES: readonly ((range: RangeContext) => Change | null)[] = [
  keepRetiring,
  cancelTransfer,
  raiseMinInSync,
  renumberReplica,
  addReplica,
  removeRetired,
  removeLost,
  retireSurplus,
  transferAway,
];

/** Adds the most important change that the range's replicas need, if any. */
export function planMembership(builder: PlanBuilder, image: DescriptorImage): void {
  const { view, config } = builder;
  const { descriptor } = image;
  const namespace = view.namespaces.get(descriptor.namespace)?.record;
  // One change at a time: a range that is to be replaced stays as it is.
  if (namespace === undefined || descriptor.reshape !== null) return;
  const nodes = descriptor.replicas.map((replica) => replica.node);
  const lost = new Map<NodeId, string>();
  for (const node of nodes) {
    const why = isLost(view, node, config.replaceAfterMs)
      ? 'is lost'
      : replacementReason(view, descriptor, node, config.replaceAfterMs);
    if (why !== null) lost.set(node, why);
  }
  const staying = nodes.filter((node) => node !== descriptor.retire && !lost.has(node));
  const range: RangeContext = { builder, view, descriptor, namespace, staying, lost };
  for (const rule of RULES) {
    const change = rule(range);
    if (change === null) continue;
    const { after, ...why } = change;
    builder.change(image, after, { ...why, reason: `range ${descriptor.id}: ${why.reason}` });
    return;
  }
}

/**
 * Keeps a replica that was to retire if another one is lost meanwhile: that is cheaper than to fill a new one. The owner's is kept, too, if
 * all others are on nodes that must own nothing by now. It could hand over to none of them, and would wait for ever.
 */
function keepRetiring({ view, descriptor, namespace, staying, lost }: RangeContext): Change | null {
  const { retire, owner, replicas } = descriptor;
  if (retire === null || lost.has(retire)) return null;
  const isStuck =
    retire === owner.node && !replicas.some(({ node }) => node !== retire && isUsable(view, node));
  if (staying.length >= namespace.replicationFactor && !isStuck) return null;
  const why = isStuck ? 'no other node can own the range' : `there would be only ${staying.length} others`;
  return {
    change: 'keep-replica',
    after: withRetire(descriptor, null),
    node: retire,
    reason: `${nameOf(view, retire)} keeps its replica: ${why}`,
  };
}

/** Cancels a hand-over whose transferee can no longer take over, or should not. */
function cancelTransfer({ view, descriptor }: RangeContext): Change | null {
  const { transferTo } = descriptor;
  if (transferTo === null) return null;
  const isFit = isInSync(descriptor, transferTo) && isUsable(view, transferTo);
  if (isFit && transferTo !== descriptor.retire && transferTo !== descriptor.owner.node) return null;
  return {
    change: 'cancel-transfer',
    after: withTransfer(descriptor, null),
    node: transferTo,
    reason: `the hand-over to ${nameOf(view, transferTo)} is cancelled: it ${view.live.has(transferTo) ? 'cannot own the range any more' : 'is not live'}`,
  };
}

/** The minInSync that a range with so many replicas should have. */
export function desiredMinInSync(namespace: NamespaceRecord, replicas: number): number {
  if (replicas >= namespace.replicationFactor) return namespace.minInSync;
  return Math.min(namespace.minInSync, defaultMinInSync(replicas));
}

/** minInSync only rises, and only once that many members are in-sync. */
function raiseMinInSync({ descriptor, namespace, staying }: RangeContext): Change | null {
  const desired = desiredMinInSync(namespace, staying.length);
  const enough = descriptor.inSync.filter((node) => staying.includes(node)).length >= desired;
  if (desired <= descriptor.minInSync || !enough) return null;
  return {
    change: 'raise-min-in-sync',
    after: withMinInSync(descriptor, desired),
    node: null,
    reason: `minInSync rises to ${desired}: there are ${staying.length} replicas now`,
  };
}

/**
 * R9: gives a replica the inc that its node needs. After a restore of ZooKeeper the same inc was given out twice, and the node can
 * have no replica under it.
 */
function renumberReplica({ view, descriptor }: RangeContext): Change | null {
  for (const { node, inc } of descriptor.replicas) {
    if (isInSync(descriptor, node)) continue;
    const needed = view.health.get(node)?.neededIncs?.find(({ range }) => range === descriptor.id)?.inc ?? 0;
    if (needed <= inc) continue;
    return {
      change: 'renumber-replica',
      after: withNewInc(descriptor, node, needed),
      node,
      reason: `the replica on ${nameOf(view, node)} gets another inc than ${inc}, which that node had before`,
    };
  }
  return null;
}

/** R9: the new replica gets an inc that no replica of the range has had before. */
function addReplica({ builder, view, descriptor, namespace, staying, lost }: RangeContext): Change | null {
  if (staying.length >= namespace.replicationFactor) return null;
  const place = builder.loads.bestPlace(freePlaces(builder, descriptor, staying), staying);
  if (place === undefined || builder.loads.learners(place) >= builder.config.learnersPerNode) return null;
  const cause =
    lost.size === 0
      ? `${staying.length} of ${namespace.replicationFactor} replicas`
      : [...lost].map(([node, why]) => `${nameOf(view, node)} ${why}`).join(', ');
  return {
    change: 'add-replica',
    after: withReplica(descriptor, place),
    node: place,
    reason: `${nameOf(view, place)} gets a replica: ${cause}`,
  };
}

/** R9: a retiring replica is removed once it has left the in-sync set. */
function removeRetired({ view, descriptor }: RangeContext): Change | null {
  const { retire } = descriptor;
  if (retire === null || isInSync(descriptor, retire)) return null;
  return {
    change: 'remove-replica',
    after: withoutReplica(descriptor, retire),
    node: retire,
    reason: `the replica on ${nameOf(view, retire)} has left the in-sync set and is removed`,
  };
}

/** R9: removes a lost replica once enough others are in-sync. One that is in-sync itself must leave the in-sync set first. */
function removeLost(range: RangeContext): Change | null {
  const { view, descriptor, namespace, staying, lost } = range;
  const replaced = inSyncAmong(descriptor, staying).length >= namespace.replicationFactor;
  const [victim] = lost.keys();
  if (!replaced || victim === undefined) return null;
  const outside = [...lost.keys()].find((node) => !isInSync(descriptor, node));
  if (outside !== undefined) {
    return {
      change: 'remove-replica',
      after: withoutReplica(descriptor, outside),
      node: outside,
      reason: `the replica on ${nameOf(view, outside)}, which ${lost.get(outside)}, has been replaced`,
    };
  }
  return retireReplica(
    range,
    victim,
    `the replica on ${nameOf(view, victim)}, which ${lost.get(victim)}, has been replaced`,
  );
}

/**
 * If there are too many replicas, for example because a lost node came back, the one retires that the range can best do without.
 */
function retireSurplus(range: RangeContext): Change | null {
  const { builder, view, descriptor, namespace, staying } = range;
  const rf = namespace.replicationFactor;
  if (staying.length <= rf) return null;
  const candidates = staying.filter(
    (node) =>
      node !== descriptor.owner.node &&
      inSyncAmong(descriptor, staying).filter((member) => member !== node).length >= rf,
  );
  const outside = candidates.filter((node) => !isInSync(descriptor, node));
  const victim = builder.loads.bestToRemove(outside.length > 0 ? outside : candidates, staying);
  if (victim === undefined) return null;
  const reason = `there are ${staying.length} replicas instead of ${rf}: the one on ${nameOf(view, victim)} is removed`;
  if (isInSync(descriptor, victim)) return retireReplica(range, victim, reason);
  return { change: 'remove-replica', after: withoutReplica(descriptor, victim), node: victim, reason };
}

function retireReplica({ descriptor }: RangeContext, victim: NodeId, reason: string): Change | null {
  if (descriptor.retire !== null) return null;
  return { change: 'retire-replica', after: withRetire(descriptor, victim), node: victim, reason };
}

/**
 * R8: an owner that drains, leaves the cluster, is cut off or is to retire hands over to a member that stays. An owner that stops
 * or is unhealthy chooses a member by itself: a request would only conflict with its own change.
 */
function transferAway({ builder, view, descriptor }: RangeContext): Change | null {
  const { owner, retire, transferTo } = descriptor;
  const unwanted = !isUsable(view, owner.node) || owner.node === retire;
  if (!unwanted || isLeaving(view, owner.node)) return null;
  if (transferTo !== null || !ownerIsLive(view, descriptor)) return null;
  const candidates = descriptor.inSync.filter((node) => isUsable(view, node) && node !== retire);
  const others = descriptor.inSync.filter((node) => node !== owner.node);
  // A move of a range with load is to take the load along.
  const target = builder.weights.isLoaded(descriptor.id) ? moveTarget(descriptor) : null;
  const transferee =
    candidates.find((node) => node === target) ??
    builder.loads.bestOwner(
      candidates.filter((node) => node !== owner.node),
      others,
    );
  if (transferee === undefined) return null;
  const cause = owner.node === retire ? 'is to give up its replica' : modeWords(view, owner.node);
  return {
    change: 'transfer',
    after: withTransfer(descriptor, transferee),
    node: transferee,
    reason: `${nameOf(view, transferee)} is to become the owner: ${nameOf(view, owner.node)} ${cause}`,
  };
}

function modeWords(view: ClusterView, node: NodeId): string {
  const mode = view.nodes.get(node)?.record.mode;
  if (mode === 'draining') return 'drains';
  return mode === 'gone' ? 'is to leave the cluster' : 'is cut off from most other nodes';
}

function inSyncAmong(descriptor: Descriptor, nodes: readonly NodeId[]): readonly NodeId[] {
  return nodes.filter((node) => isInSync(descriptor, node));
}
