// S5: the descriptors of ranges that have ended. Each node takes itself out once it holds no replica any more. The leader deletes what
// nobody holds. It takes out a node that is away, but only if no child counts on the data that the node still has: a node that comes
// back and is not listed any more wipes its replica.

import {
  type Descriptor,
  type DescriptorImage,
  incOf,
  withoutHolder,
} from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { ClusterView } from '../cluster-view.ts';
import type { PlanBuilder } from './plan-builder.ts';
import type { RangeIndex } from './range-index.ts';

export function planEnded(builder: PlanBuilder, image: DescriptorImage): void {
  const { descriptor } = image;
  const { id, state, replicas } = descriptor;
  if (replicas.length === 0) {
    if (outlivesParents(builder, descriptor)) return;
    const reason = `range ${id} was ${state}, and nobody holds a replica of it any more: its descriptor is deleted`;
    builder.add({ kind: 'delete-range', before: image, task: null, reason });
    return;
  }
  const away = replicas.map(({ node }) => node).filter((node) => isNotNeeded(builder, descriptor, node));
  if (away.length === 0) return;
  builder.change(image, withoutHolder(descriptor, away), {
    change: 'take-out',
    node: away[0] ?? null,
    reason: `range ${id} was ${state}, and nobody needs what ${away.join(', ')} may still have of it`,
  });
}

/**
 * Whether this range was dropped, and must stay until the ranges are gone in whose place it was made. Only this descriptor says that
 * nobody counts on what nodes hold of the earlier one.
 */
function outlivesParents({ index }: PlanBuilder, { state, parents }: Descriptor): boolean {
  return state === 'dropped' && parents.some(({ range }) => index.get(range) !== undefined);
}

function isNotNeeded(
  { view, index }: PlanBuilder,
  { state, replacement }: Descriptor,
  node: NodeId,
): boolean {
  if (view.live.has(node)) return false;
  const record = view.nodes.get(node)?.record;
  if (state === 'dropped') return record === undefined || record.mode === 'gone';
  return (replacement?.children ?? []).every(({ id }) => isOutOf(view, index, { id, node }));
}

/** Whether the range certainly does not list the node. A range that was not read yet may. */
function isOutOf(
  view: ClusterView,
  index: RangeIndex,
  { id, node }: { readonly id: RangeId; readonly node: NodeId },
): boolean {
  const child = index.get(id);
  if (child !== undefined) return incOf(child.descriptor, node) === undefined;
  return !view.rangeIds.has(id) && index.isParent(id);
}
