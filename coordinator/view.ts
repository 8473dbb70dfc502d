// The leader's picture of the cluster: immutable, made in one go, and all that a plan may look at. Where time matters it
// holds durations that the leader's own monotonic clock measured, so that planning needs no clock.

import type { Descriptor, DescriptorImage } from '../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import type {
  ClusterRecord,
  LiveNode,
  NamespaceRecord,
  NodeRecord,
  TaskRecord,
} from '../common/model/records.ts';

/** A record with the version of its znode, for the compare-and-set that changes it. */
export interface Versioned<T> {
  readonly record: T;
  readonly version: number;
}

export interface TaskImage extends Versioned<TaskRecord> {
  readonly id: string;
}

export interface View {
  readonly cluster: Versioned<ClusterRecord>;
  readonly nodes: ReadonlyMap<NodeId, Versioned<NodeRecord>>;
  readonly live: ReadonlyMap<NodeId, LiveNode>;
  readonly namespaces: ReadonlyMap<string, Versioned<NamespaceRecord>>;
  /** Ranges in state `serving`, by id. */
  readonly ranges: readonly DescriptorImage[];
  /** Unfinished ones, oldest first. */
  readonly tasks: readonly TaskImage[];
  /** How long this leader has seen the node live (or dead), ms, counted from its own first look. */
  readonly sameForMs: ReadonlyMap<NodeId, number>;
  /** How long this leader has seen the range's present epoch, ms. */
  readonly ownedForMs: ReadonlyMap<RangeId, number>;
  /** How long this leader has seen at least one live node, ms; 0 where there is none. */
  readonly someNodeForMs: number;
}

/** R7: whether the session that owns the range still has its live znode. */
export function ownerIsLive(view: View, descriptor: Descriptor): boolean {
  return view.live.get(descriptor.owner.node)?.session === descriptor.owner.session;
}

/** May be given new replicas and ranges. */
export function isUsable(view: View, node: NodeId): boolean {
  return view.live.has(node) && view.nodes.get(node)?.record.mode === 'active';
}

export function usableNodes(view: View): readonly NodeId[] {
  return [...view.live.keys()].filter((node) => isUsable(view, node)).sort();
}

/** Not expected back: an administrator says so, or it has been dead for too long. */
export function isLost(view: View, node: NodeId, replaceAfterMs: number): boolean {
  if (view.nodes.get(node)?.record.mode === 'gone') return true;
  return !view.live.has(node) && (view.sameForMs.get(node) ?? 0) >= replaceAfterMs;
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
