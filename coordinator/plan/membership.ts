// Which replicas a range should have, and with them how many must be in-sync: grown to the namespace's wish as nodes
// come, made anew where a node is lost, trimmed where there are too many. Each rule looks at one range and gives at most
// one change; the first that applies wins, so the order below is the order of importance.

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
  isBarren,
  isLeaving,
  isLost,
  isUsable,
  nameOf,
  ownerIsLive,
  usableNodes,
  type View,
  whyUseless,
} from '../cluster-view.ts';
import type { RangeChange } from '../step.ts';
import type { Draft } from './draft.ts';

interface Change {
  readonly change: RangeChange;
  readonly after: Descriptor;
  readonly node: NodeId | null;
  readonly reason: string;
}

/** A range with what the rules ask about it again and again. */
interface Case {
  readonly draft: Draft;
  readonly view: View;
  readonly descriptor: Descriptor;
  readonly namespace: NamespaceRecord;
  /** Replicas that are neither lost nor making way. */
  readonly staying: readonly NodeId[];
  /** Replicas that must be made anew elsewhere, with the reason: a clause about the node. */
  readonly lost: ReadonlyMap<NodeId, string>;
}

const RULES: readonly ((range: Case) => Change | null)[] = [
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

export function planMembership(draft: Draft, image: DescriptorImage): void {
  const { view, config } = draft;
  const { descriptor } = image;
  const namespace = view.namespaces.get(descriptor.namespace)?.record;
  if (namespace === undefined) return;
  const nodes = descriptor.replicas.map((replica) => replica.node);
  const lost = new Map<NodeId, string>();
  for (const node of nodes) {
    const why = isLost(view, node, config.replaceAfterMs)
      ? 'is lost'
      : whyUseless(view, descriptor, node, config.replaceAfterMs);
    if (why !== null) lost.set(node, why);
  }
  const staying = nodes.filter((node) => node !== descriptor.retire && !lost.has(node));
  const range: Case = { draft, view, descriptor, namespace, staying, lost };
  for (const rule of RULES) {
    const change = rule(range);
    if (change === null) continue;
    const { after, ...why } = change;
    draft.change(image, after, { ...why, reason: `range ${descriptor.id}: ${why.reason}` });
    return;
  }
}

/** A replica that was to make way is kept when another one is lost meanwhile: cheaper than filling a new one. */
function keepRetiring({ view, descriptor, namespace, staying, lost }: Case): Change | null {
  const { retire } = descriptor;
  if (retire === null || lost.has(retire) || staying.length >= namespace.replicationFactor) return null;
  return {
    change: 'keep-replica',
    after: withRetire(descriptor, null),
    node: retire,
    reason: `${nameOf(view, retire)} keeps its replica: there would be only ${staying.length} others`,
  };
}

/** A hand-over that can no longer be, or should not be. */
function cancelTransfer({ view, descriptor }: Case): Change | null {
  const { transferTo } = descriptor;
  if (transferTo === null) return null;
  const fit = isInSync(descriptor, transferTo) && isUsable(view, transferTo);
  if (fit && transferTo !== descriptor.retire && transferTo !== descriptor.owner.node) return null;
  return {
    change: 'cancel-transfer',
    after: withTransfer(descriptor, null),
    node: transferTo,
    reason: `no hand-over to ${nameOf(view, transferTo)}: it is ${view.live.has(transferTo) ? 'no longer fit' : 'gone'}`,
  };
}

/** m as it should be for this many replicas. It only ever rises, and only to what is in-sync already. */
export function wishedMinInSync(namespace: NamespaceRecord, replicas: number): number {
  if (replicas >= namespace.replicationFactor) return namespace.minInSync;
  return Math.min(namespace.minInSync, defaultMinInSync(replicas));
}

function raiseMinInSync({ descriptor, namespace, staying }: Case): Change | null {
  const wished = wishedMinInSync(namespace, staying.length);
  const enough = descriptor.inSync.filter((node) => staying.includes(node)).length >= wished;
  if (wished <= descriptor.minInSync || !enough) return null;
  return {
    change: 'raise-min-in-sync',
    after: withMinInSync(descriptor, wished),
    node: null,
    reason: `${wished} members must hold every write now that ${staying.length} replicas are there`,
  };
}

/** R9: ZooKeeper was restored and gave out an inc again, so that the node can have no replica under it. */
function renumberReplica({ view, descriptor }: Case): Change | null {
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

/** R9: under an inc that no replica of the range had before. */
function addReplica({ draft, view, descriptor, namespace, staying, lost }: Case): Change | null {
  if (staying.length >= namespace.replicationFactor) return null;
  const held = descriptor.replicas.map((replica) => replica.node);
  const { learnersPerNode, replaceAfterMs } = draft.config;
  const free = usableNodes(view).filter(
    (node) =>
      !held.includes(node) &&
      view.reach.canTalk(descriptor.owner.node, node) &&
      !isBarren(view, node, replaceAfterMs),
  );
  const place = draft.ledger.bestPlace(free, staying);
  if (place === undefined || draft.ledger.learners(place) >= learnersPerNode) return null;
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

/** R9: only once it is out of the in-sync set. */
function removeRetired({ view, descriptor }: Case): Change | null {
  const { retire } = descriptor;
  if (retire === null || isInSync(descriptor, retire)) return null;
  return {
    change: 'remove-replica',
    after: withoutReplica(descriptor, retire),
    node: retire,
    reason: `the replica on ${nameOf(view, retire)} has made way`,
  };
}

/** R9: a lost replica goes once the namespace's wish is met without it; a member of the in-sync set has to leave it first. */
function removeLost(range: Case): Change | null {
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

/** Too many replicas, because a lost node came back: the one that the range can best do without makes way. */
function retireSurplus(range: Case): Change | null {
  const { draft, view, descriptor, namespace, staying } = range;
  const rf = namespace.replicationFactor;
  if (staying.length <= rf) return null;
  const candidates = staying.filter(
    (node) =>
      node !== descriptor.owner.node &&
      inSyncAmong(descriptor, staying).filter((member) => member !== node).length >= rf,
  );
  const outside = candidates.filter((node) => !isInSync(descriptor, node));
  const victim = draft.ledger.bestVictim(outside.length > 0 ? outside : candidates, staying);
  if (victim === undefined) return null;
  const reason = `${staying.length} replicas where ${rf} are wished for: ${nameOf(view, victim)} gives up its own`;
  if (isInSync(descriptor, victim)) return retireReplica(range, victim, reason);
  return { change: 'remove-replica', after: withoutReplica(descriptor, victim), node: victim, reason };
}

function retireReplica({ descriptor }: Case, victim: NodeId, reason: string): Change | null {
  if (descriptor.retire !== null) return null;
  return { change: 'retire-replica', after: withRetire(descriptor, victim), node: victim, reason };
}

/**
 * R8: an owner that drains, leaves the cluster, is cut off from the other nodes, or makes way hands over to a member that stays.
 * One whose process stops, or whose disk is unfit, chooses by itself: a request would only cross its own change.
 */
function transferAway({ draft, view, descriptor }: Case): Change | null {
  const { owner, retire, transferTo } = descriptor;
  const unwanted = !isUsable(view, owner.node) || owner.node === retire;
  if (!unwanted || isLeaving(view, owner.node)) return null;
  if (transferTo !== null || !ownerIsLive(view, descriptor)) return null;
  const candidates = descriptor.inSync.filter((node) => isUsable(view, node) && node !== retire);
  const others = descriptor.inSync.filter((node) => node !== owner.node);
  const heir = draft.ledger.bestOwner(
    candidates.filter((node) => node !== owner.node),
    others,
  );
  if (heir === undefined) return null;
  const cause = owner.node === retire ? 'makes way' : modeWords(view, owner.node);
  return {
    change: 'transfer',
    after: withTransfer(descriptor, heir),
    node: heir,
    reason: `${nameOf(view, heir)} is to take over: ${nameOf(view, owner.node)} ${cause}`,
  };
}

function modeWords(view: View, node: NodeId): string {
  const mode = view.nodes.get(node)?.record.mode;
  if (mode === 'draining') return 'drains';
  return mode === 'gone' ? 'is to leave the cluster' : 'is cut off from most other nodes';
}

function inSyncAmong(descriptor: Descriptor, nodes: readonly NodeId[]): readonly NodeId[] {
  return nodes.filter((node) => isInSync(descriptor, node));
}
