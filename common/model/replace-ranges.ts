// S3: the descriptors of the one multi that replaces ranges (docs/replication.md).

import { assert, present } from '../base/assert.ts';
import { equalBytes } from '../base/bytes.ts';
import { type Descriptor, isInSync, type Owner } from './descriptor.ts';
import type { NodeId, Position, SessionId } from './ids.ts';
import {
  baseOf,
  CHILD_INC,
  type Child,
  holdersOfAll,
  LINEAGE_MAX,
  type Parent,
  type Replacement,
} from './replacement.ts';

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
  return (left?.inSync ?? []).filter((node) => others.every((other) => isInSync(other, node)));
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
  const older = descriptors.flatMap((descriptor) => descriptor.parents);
  // Two parents may have come of one range.
  const byRange = new Map(
    [...older.toReversed(), ...direct.toReversed()].map((parent) => [parent.range, parent]),
  );
  return [...byRange.values()].reverse().slice(0, LINEAGE_MAX);
}
