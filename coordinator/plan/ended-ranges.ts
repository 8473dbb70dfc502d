// S5: the descriptors of ranges that have ended. Each node takes itself out once it holds no replica any more. The leader deletes what
// nobody holds, and takes out nodes that will never come back.

import { type DescriptorImage, withoutHolder } from '../../common/model/descriptor.ts';
import type { PlanBuilder } from './plan-builder.ts';

export function planEnded(builder: PlanBuilder, image: DescriptorImage): void {
  const { descriptor } = image;
  const { id, state, replicas } = descriptor;
  if (replicas.length === 0) {
    const reason = `range ${id} was ${state}, and nobody holds a replica of it any more: its descriptor is deleted`;
    builder.add({ kind: 'delete-range', before: image, task: null, reason });
    return;
  }
  const gone = replicas.map(({ node }) => node).filter((node) => isGone(builder, node));
  if (gone.length === 0) return;
  builder.change(image, withoutHolder(descriptor, gone), {
    change: 'take-out',
    node: gone[0] ?? null,
    reason: `range ${id} was ${state}, and ${gone.join(', ')} will not come back`,
  });
}

/** R12: the node's id never returns. */
function isGone({ view }: PlanBuilder, node: string): boolean {
  const record = view.nodes.get(node)?.record;
  return !view.live.has(node) && (record === undefined || record.mode === 'gone');
}
