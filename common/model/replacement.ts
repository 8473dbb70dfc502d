// Split and merge are one operation, replacement (docs/replication.md, S1 to S8): one or two neighbouring ranges, the parents, end for
// ever, and children with new ids cover the same keys. Here is what the descriptors say about it. replace-ranges.ts makes the
// descriptors of the one multi that decides.

import { assert } from '../base/assert.ts';
import { type Bytes, compareBytes } from '../base/bytes.ts';
import type { NodeId, Position, RangeId, ReplicaRef } from './ids.ts';
import { contains, type KeyRange } from './key-range.ts';

/** Children of one replacement, at most: two halves, or a hot key and what is on both sides of it. */
export const CHILDREN_MAX = 3;

/** A descriptor names so many of the ranges that came before it. */
export const LINEAGE_MAX = 16;

/** S1: what the leader requests of the owner. A merge is requested in both parents, with the same children. */
export interface ReshapeRequest {
  /** The ids of the children, in key order. None was ever used before. */
  readonly children: readonly RangeId[];
  /** Split: the keys at which the children meet. Merge: empty. */
  readonly cuts: readonly Bytes[];
  /** Merge: the neighbour that ends together with this range. Split: null. */
  readonly partner: RangeId | null;
  /** An administrator asked for it: no merge undoes it by itself. */
  readonly byHand: boolean;
  /** Why, as a clause. */
  readonly reason: string;
}

/** A range that ended, and the position of its last entry. */
export interface Parent {
  readonly range: RangeId;
  readonly final: Position;
}

/** A parent with the replicas that it had when it ended (S6). */
export interface ReplacedParent extends Parent {
  readonly replicas: readonly ReplicaRef[];
}

export interface Child extends KeyRange {
  readonly id: RangeId;
}

/** S3: how ranges were replaced. It is the same in each parent, so that a node needs to read one of them only. */
export interface Replacement {
  /** In key order. */
  readonly parents: readonly ReplacedParent[];
  /** In key order. */
  readonly children: readonly Child[];
}

/** The inc of a child's first replicas. */
export const CHILD_INC = 1;

/** Null: the range can be replaced so. Else the rule that is broken, in words. */
export function reshapeFault(
  descriptor: KeyRange & { readonly id: RangeId },
  reshape: ReshapeRequest,
): string | null {
  const { children, cuts, partner } = reshape;
  if (new Set(children).size < children.length) return 'S1: the children are distinct';
  if (children.includes(descriptor.id) || partner === descriptor.id)
    return 'S1: a range does not replace itself';
  if (partner !== null) {
    return children.length === 1 && cuts.length === 0 ? null : 'S1: a merge has one child and no cut';
  }
  if (cuts.length < 1 || children.length !== cuts.length + 1 || children.length > CHILDREN_MAX)
    return 'S1: a split has one child more than cuts';
  const ascends = cuts.every((cut, at) => compareBytes(cuts[at - 1] ?? descriptor.start, cut) < 0);
  return ascends && cuts.every((cut) => contains(descriptor, cut))
    ? null
    : 'S1: the cuts are inside the range, in order';
}

/** S3: the position at which the logs of the children begin: revisions go on rising. */
export function baseOf(parents: readonly Parent[]): Position {
  assert(parents.length > 0, 'children have a parent');
  return {
    epoch: Math.max(...parents.map(({ final }) => final.epoch)),
    seq: Math.max(...parents.map(({ final }) => final.seq)),
  };
}

/** S3: the nodes that have a replica of every parent. */
export function holdersOfAll(parents: readonly ReplacedParent[]): readonly NodeId[] {
  const [left, ...others] = parents;
  const nodes = (left?.replicas ?? []).map(({ node }) => node);
  return nodes.filter((node) =>
    others.every(({ replicas }) => replicas.some((replica) => replica.node === node)),
  );
}
