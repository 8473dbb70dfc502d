// Split and merge are one operation, replacement (docs/replication.md, S1 to S8): one or two neighbouring ranges, the parents, end for
// ever, and children with new ids cover the same keys. Here is what the descriptors say about it, and the functions that make the
// descriptors of the one multi that decides.

import { assert, present } from '../base/assert.ts';
import { type Bytes, compareBytes, equalBytes } from '../base/bytes.ts';
import type { Descriptor, Owner, ReplicaRef } from './descriptor.ts';
import type { NodeId, Position, RangeId, SessionId } from './ids.ts';
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

/** The parents as one owner is about to end them, in key order. */
export interface Ending {
  readonly descriptor: Descriptor;
  readonly final: Position;
}

/** S3: why the parents cannot be replaced as they are now; null: they can. */
export function replacementFault(parents: readonly Ending[]): string | null {
  const descriptors = parents.map(({ descriptor }) => descriptor);
  const left = present(descriptors[0], 'a parent');
  const inSync = commonInSync(descriptors);
  const minInSync = Math.max(...descriptors.map((descriptor) => descriptor.minInSync));
  if (inSync.length < minInSync) return 'S3: fewer than minInSync members are in-sync in every parent';
  const right = descriptors[1];
  if (right === undefined) return null;
  if (right.namespaceId !== left.namespaceId || left.end === null || !equalBytes(left.end, right.start))
    return 'S1: only neighbours are merged';
  const isSame =
    left.reshape?.partner === right.id &&
    right.reshape?.partner === left.id &&
    left.reshape.children[0] === right.reshape.children[0];
  return isSame ? null : 'S1: both parents have the same request';
}

function commonInSync(parents: readonly Descriptor[]): readonly NodeId[] {
  const [left, ...others] = parents;
  return (left?.inSync ?? []).filter((node) => others.every(({ inSync }) => inSync.includes(node)));
}

/** S3: the descriptors of the children and the new ones of the parents. `owner` owns all parents in this session. */
export function replace(
  parents: readonly Ending[],
  owner: NodeId,
  session: SessionId,
): { readonly parents: readonly Descriptor[]; readonly children: readonly Descriptor[] } {
  const fault = replacementFault(parents);
  assert(fault === null, fault ?? '');
  const descriptors = parents.map(({ descriptor }) => descriptor);
  const replacement = replacementOf(parents);
  return {
    parents: descriptors.map((descriptor) => ({
      ...descriptor,
      state: 'replaced',
      inSync: [],
      transferTo: null,
      retire: null,
      reshape: null,
      replacement,
    })),
    children: replacement.children.map((child, at) =>
      childOf(descriptors, replacement, child, { at, owner: { node: owner, session, inc: CHILD_INC } }),
    ),
  };
}

function replacementOf(parents: readonly Ending[]): Replacement {
  const first = present(parents[0], 'a parent').descriptor;
  const last = present(parents.at(-1), 'a parent').descriptor;
  const request = present(first.reshape, 'S1: a request');
  const bounds = [first.start, ...request.cuts];
  return {
    parents: parents.map(({ descriptor: { id, replicas }, final }) => ({ range: id, replicas, final })),
    children: request.children.map((id, at) => ({
      id,
      start: present(bounds[at], 'a bound'),
      end: bounds[at + 1] ?? last.end,
    })),
  };
}

function childOf(
  parents: readonly Descriptor[],
  replacement: Replacement,
  { id, start, end }: Child,
  { at, owner }: { readonly at: number; readonly owner: Owner },
): Descriptor {
  const left = present(parents[0], 'a parent');
  const base = baseOf(replacement.parents);
  const byHand = present(left.reshape, 'S1: a request').byHand;
  return {
    namespace: left.namespace,
    namespaceId: left.namespaceId,
    id,
    start,
    end,
    epoch: Math.max(...parents.map(({ epoch }) => epoch)) + 1,
    owner,
    replicas: holdersOfAll(replacement.parents).map((node) => ({ node, inc: CHILD_INC })),
    inSync: [...commonInSync(parents)].sort(),
    minInSync: Math.max(...parents.map(({ minInSync }) => minInSync)),
    state: 'serving',
    nextInc: CHILD_INC + 1,
    base,
    parents: lineageOf(parents, replacement),
    reshape: null,
    replacement: null,
    placement: at === 0 ? left.placement : { ...left.placement, startByHand: byHand },
    transferTo: null,
    retire: null,
  };
}

/** The parents, then their own parents and so on, the nearest first. */
function lineageOf(descriptors: readonly Descriptor[], { parents }: Replacement): readonly Parent[] {
  const direct = parents.map(({ range, final }) => ({ range, final }));
  return [...direct, ...descriptors.flatMap((descriptor) => descriptor.parents)].slice(0, LINEAGE_MAX);
}

/** S3: the nodes that have a replica of every parent. */
export function holdersOfAll(parents: readonly ReplacedParent[]): readonly NodeId[] {
  const [left, ...others] = parents;
  const nodes = (left?.replicas ?? []).map(({ node }) => node);
  return nodes.filter((node) =>
    others.every(({ replicas }) => replicas.some((replica) => replica.node === node)),
  );
}
