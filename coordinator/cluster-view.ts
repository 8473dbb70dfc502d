// The leader's picture of the cluster: immutable, made in one go, and all that a plan may look at. Where time matters it
// holds durations that the leader's own monotonic clock measured, so that planning needs no clock.

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
import type { Reach } from './connectivity.ts';

/** A record with the version of its znode, for the compare-and-set that changes it. */
export interface Versioned<T> {
  readonly record: T;
  readonly version: number;
}

export interface TaskImage extends Versioned<TaskRecord> {
  readonly id: string;
}

export interface View {
  /** Null: it could never be read. */
  readonly cluster: Versioned<ClusterRecord> | null;
  readonly nodes: ReadonlyMap<NodeId, Versioned<NodeRecord>>;
  readonly live: ReadonlyMap<NodeId, LiveNode>;
  /** What live nodes report of themselves; a node that has reported nothing yet is missing. */
  readonly health: ReadonlyMap<NodeId, HealthRecord>;
  /** Which live nodes can talk to each other. */
  readonly reach: Reach;
  readonly namespaces: ReadonlyMap<string, Versioned<NamespaceRecord>>;
  /** Names that are taken by znodes which could never be read. */
  readonly unreadableNamespaces: ReadonlySet<string>;
  /** Ranges in state `serving`, by id. */
  readonly ranges: readonly DescriptorImage[];
  /** Ranges in any other state: they may still name replicas. */
  readonly otherRanges: readonly DescriptorImage[];
  /** Unfinished ones, oldest first. */
  readonly tasks: readonly TaskImage[];
  /** How long this leader has seen the node live (or dead), ms, counted from its own first look. */
  readonly sameForMs: ReadonlyMap<NodeId, number>;
  /** How long `reach.apartFrom` of this live node has been the same, ms. */
  readonly apartForMs: ReadonlyMap<NodeId, number>;
  /** Of a live node's replicas: how long the range's present owner has reported that it catches up with nothing, ms. */
  readonly stuckForMs: ReadonlyMap<NodeId, ReadonlyMap<RangeId, number>>;
  /** Of live nodes whose present session has a note that replicas there are stuck: how long this leader has seen it, ms. */
  readonly stuckNotedForMs: ReadonlyMap<NodeId, number>;
  /** Of those nodes: where this leader has seen a replica come into its in-sync set since. */
  readonly caughtUp: ReadonlySet<NodeId>;
  /** How long this leader has seen the range's present epoch, ms. */
  readonly ownedForMs: ReadonlyMap<RangeId, number>;
  /** Steps that are left out for a while, by what they are about (set-aside.ts). */
  readonly setAside: ReadonlySet<string>;
  /** How long this leader has seen at least one live node, ms; 0 where there is none. */
  readonly someNodeForMs: number;
}

/** R7: whether the session that owns the range still has its live znode. */
export function ownerIsLive(view: View, descriptor: Descriptor): boolean {
  return view.live.get(descriptor.owner.node)?.session === descriptor.owner.session;
}

/** May be given new replicas and ranges: live and to stay so, healthy, and not cut off from the other nodes. */
export function isUsable(view: View, node: NodeId): boolean {
  return (
    view.nodes.get(node)?.record.mode === 'active' && !isLeaving(view, node) && !view.reach.cutOff.has(node)
  );
}

/** Not live, about to end, or unfit to own anything: such a node hands over by itself what it owns. */
export function isLeaving(view: View, node: NodeId): boolean {
  const live = view.live.get(node);
  return (
    live === undefined || live.standing === 'stopping' || (view.health.get(node)?.unfit ?? null) !== null
  );
}

export function usableNodes(view: View): readonly NodeId[] {
  return [...view.live.keys()].filter((node) => isUsable(view, node)).sort();
}

/** Not expected back: an administrator says so, or it has been dead for too long. */
export function isLost(view: View, node: NodeId, replaceAfterMs: number): boolean {
  if (view.nodes.get(node)?.record.mode === 'gone') return true;
  return !view.live.has(node) && (view.sameForMs.get(node) ?? 0) >= replaceAfterMs;
}

/**
 * Why a live replica must be made anew elsewhere although its node lives, in words; null: it need not. The owner's side counts:
 * a replica that its owner has not reached, or that has caught up with nothing, for `replaceAfterMs` is of no use.
 */
export function whyUseless(
  view: View,
  { id, owner }: Descriptor,
  node: NodeId,
  replaceAfterMs: number,
): string | null {
  if (node === owner.node || !view.live.has(node) || view.reach.cutOff.has(owner.node)) return null;
  if ((view.reach.apartForMs(owner.node, node) ?? -1) >= replaceAfterMs)
    return `has had no connection with its owner for ${replaceAfterMs} ms`;
  if ((view.stuckForMs.get(node)?.get(id) ?? -1) >= replaceAfterMs)
    return `has caught up with nothing for ${replaceAfterMs} ms`;
  return null;
}

/** A replica there has caught up with nothing for so long that it is made anew elsewhere. */
export function hasStuckReplica(view: View, node: NodeId, replaceAfterMs: number): boolean {
  for (const forMs of view.stuckForMs.get(node)?.values() ?? []) if (forMs >= replaceAfterMs) return true;
  return false;
}

/** Another replica there would catch up with nothing, as others did lately. */
export function isBarren(view: View, node: NodeId, replaceAfterMs: number): boolean {
  return view.stuckNotedForMs.has(node) || hasStuckReplica(view, node, replaceAfterMs);
}

export function zoneOf(view: View, node: NodeId): string {
  return view.nodes.get(node)?.record.zone ?? '';
}

const CAPACITY_MIN = 0.01;

/** Relative share of the load; positive whatever the node claims. */
export function capacityOf(view: View, node: NodeId): number {
  const capacity = view.nodes.get(node)?.record.capacity ?? 1;
  return Number.isFinite(capacity) ? Math.max(capacity, CAPACITY_MIN) : 1;
}

/** The node's name with its id, as people should read it in reasons. */
export function nameOf(view: View, node: NodeId): string {
  const name = view.nodes.get(node)?.record.name;
  return name === undefined || name === node ? node : `${name} (${node})`;
}
