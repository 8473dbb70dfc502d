// The cluster as the leader sees it at one moment. It is immutable, and plans are made from nothing else. Where time matters it
// holds durations that the leader measured with its own monotonic clock, so that planning needs no clock.

import type { Descriptor, DescriptorImage } from '../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import type {
  ClusterRecord,
  HealthRecord,
  LiveNode,
  NamespaceRecord,
  NodeRecord,
  TaskRecord,
} from '../common/model/records.ts';
import type { Connectivity } from './connectivity.ts';
import type { LoadView } from './load-view.ts';

/** A record with the version of its znode, for the compare-and-set that changes it. */
export interface Versioned<T> {
  readonly record: T;
  readonly version: number;
}

export interface TaskImage extends Versioned<TaskRecord> {
  readonly id: string;
}

export interface ClusterView {
  /** Null: its znode has never been readable. */
  readonly cluster: Versioned<ClusterRecord> | null;
  readonly nodes: ReadonlyMap<NodeId, Versioned<NodeRecord>>;
  readonly live: ReadonlyMap<NodeId, LiveNode>;
  /** Reports of live nodes about themselves. A node that has reported nothing yet is missing. */
  readonly health: ReadonlyMap<NodeId, HealthRecord>;
  /** Which live nodes are connected with each other. */
  readonly connectivity: Connectivity;
  readonly namespaces: ReadonlyMap<string, Versioned<NamespaceRecord>>;
  /** Names of namespaces whose znodes have never been readable. The names are taken all the same. */
  readonly unreadableNamespaces: ReadonlySet<string>;
  /** Ranges in state `serving`, by id. */
  readonly ranges: readonly DescriptorImage[];
  /** Ranges in any other state. They may still name replicas. */
  readonly otherRanges: readonly DescriptorImage[];
  /**
   * The ids of all ranges, by the newest lists of their znodes. Each list is of one moment: a range that is not in it, although one that
   * was made later is, has been deleted.
   */
  readonly rangeIds: ReadonlySet<RangeId>;
  /** Unfinished tasks, oldest first. */
  readonly tasks: readonly TaskImage[];
  /** How long the node has been live in its present session, or dead, ms. It counts from this leader's first view at most. */
  readonly sameForMs: ReadonlyMap<NodeId, number>;
  /** How long the same nodes have had no connection with this live node (`connectivity.unreachableBy`), ms. */
  readonly unreachableForMs: ReadonlyMap<NodeId, number>;
  /** For each node and range: how long the range's present owner has reported that the replica does not catch up, ms. */
  readonly stuckForMs: ReadonlyMap<NodeId, ReadonlyMap<RangeId, number>>;
  /**
   * Live nodes with a note, about their present session, that replicas there do not catch up: how long this leader has seen it,
   * ms.
   */
  readonly stuckNotedForMs: ReadonlyMap<NodeId, number>;
  /** Those of them on which a replica has become in-sync since this leader saw the note. */
  readonly caughtUp: ReadonlySet<NodeId>;
  /** How long this leader has seen the range's present epoch, ms. */
  readonly ownedForMs: ReadonlyMap<RangeId, number>;
  /** How long this leader has seen the present request to replace the range (S1), ms. Ranges without one are missing. */
  readonly requestedForMs: ReadonlyMap<RangeId, number>;
  /** What is asked of nodes and ranges, as far as nodes have reported it. */
  readonly loads: LoadView;
  /** Steps that are not planned for a while, by the keys of set-aside.ts. */
  readonly setAside: ReadonlySet<string>;
  /**
   * How long there has been at least one live node, ms; 0 if there is none now. It counts from this leader's first view at most.
   */
  readonly someNodeForMs: number;
}

/** R7: whether the session that owns the range still has a live znode. */
export function ownerIsLive(view: ClusterView, descriptor: Descriptor): boolean {
  return view.live.get(descriptor.owner.node)?.session === descriptor.owner.session;
}

/** Whether the node may be given replicas and ranges: it is live, healthy and active, does not stop, and is not cut off. */
export function isUsable(view: ClusterView, node: NodeId): boolean {
  return (
    view.nodes.get(node)?.record.mode === 'active' &&
    !isLeaving(view, node) &&
    !view.connectivity.cutOff.has(node)
  );
}

/** Whether the node is not live, is stopping or is unhealthy. While it lives, such a node hands over its ranges by itself. */
export function isLeaving(view: ClusterView, node: NodeId): boolean {
  const live = view.live.get(node);
  return (
    live === undefined || live.standing === 'stopping' || (view.health.get(node)?.unhealthy ?? null) !== null
  );
}

export function usableNodes(view: ClusterView): readonly NodeId[] {
  return [...view.live.keys()].filter((node) => isUsable(view, node)).sort();
}

/** Whether the node is not expected back: its mode is `gone`, or it has been dead for `replaceAfterMs`. */
export function isLost(view: ClusterView, node: NodeId, replaceAfterMs: number): boolean {
  if (view.nodes.get(node)?.record.mode === 'gone') return true;
  return !view.live.has(node) && (view.sameForMs.get(node) ?? 0) >= replaceAfterMs;
}

/**
 * Why a replica must be replaced although its node lives, in words; null: it need not be. A replica is replaced if it has had no
 * connection with its owner, or has not caught up at all, for `replaceAfterMs`. An owner that is cut off itself proves nothing.
 */
export function replacementReason(
  view: ClusterView,
  { id, owner }: Descriptor,
  node: NodeId,
  replaceAfterMs: number,
): string | null {
  if (node === owner.node || !view.live.has(node) || view.connectivity.cutOff.has(owner.node)) return null;
  if ((view.connectivity.disconnectedForMs(owner.node, node) ?? -1) >= replaceAfterMs)
    return `has had no connection with its owner for ${replaceAfterMs} ms`;
  if ((view.stuckForMs.get(node)?.get(id) ?? -1) >= replaceAfterMs)
    return `has made no progress in catching up for ${replaceAfterMs} ms`;
  return null;
}

/** Whether some replica on the node has made no progress in catching up for so long that it is replaced. */
export function hasStuckReplica(view: ClusterView, node: NodeId, replaceAfterMs: number): boolean {
  for (const forMs of view.stuckForMs.get(node)?.values() ?? []) if (forMs >= replaceAfterMs) return true;
  return false;
}

/** Whether another replica on the node would probably not catch up, because replicas there have failed to lately. */
export function catchUpFails(view: ClusterView, node: NodeId, replaceAfterMs: number): boolean {
  return view.stuckNotedForMs.has(node) || hasStuckReplica(view, node, replaceAfterMs);
}

export function zoneOf(view: ClusterView, node: NodeId): string {
  return view.nodes.get(node)?.record.zone ?? '';
}

/** The nodes of one machine fail together. A node that names none shares it with no other. */
export function areOnOneMachine(view: ClusterView, a: NodeId, b: NodeId): boolean {
  const machine = view.nodes.get(a)?.record.machine;
  return a === b || (machine !== undefined && machine === view.nodes.get(b)?.record.machine);
}

const CAPACITY_MIN = 0.01;

/** The node's relative share of the load. It is positive, whatever the node's record says. */
export function capacityOf(view: ClusterView, node: NodeId): number {
  const capacity = view.nodes.get(node)?.record.capacity ?? 1;
  return Number.isFinite(capacity) ? Math.max(capacity, CAPACITY_MIN) : 1;
}

/** A node that is slow or overloaded owns this part of its share. */
const STRAINED_SHARE = 0.5;

/** The node's relative share of what is owned. */
export function ownerCapacityOf(view: ClusterView, node: NodeId): number {
  const strain = view.loads.nodes.get(node)?.strain ?? null;
  return capacityOf(view, node) * (strain === null ? 1 : STRAINED_SHARE);
}

/** The node's name with its id, for the sentences that people read. */
export function nameOf(view: ClusterView, node: NodeId): string {
  const name = view.nodes.get(node)?.record.name;
  return name === undefined || name === node ? node : `${name} (${node})`;
}

/** The ranges with a request (S1), each with a name of the request. */
export function requestsOf(ranges: readonly DescriptorImage[]): ReadonlyMap<RangeId, string> {
  const requests = new Map<RangeId, string>();
  for (const { descriptor } of ranges) {
    if (descriptor.reshape !== null) requests.set(descriptor.id, String(descriptor.reshape.children));
  }
  return requests;
}
