// How much each node has, in words, to compare the cluster before and after.

import { counted } from '../../common/base/words.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { type ClusterView, nameOf } from '../cluster-view.ts';

/** One line for each node. */
export function ownersAndReplicas(view: ClusterView): readonly string[] {
  const counts = new Map<NodeId, { owned: number; replicas: number }>();
  for (const node of view.nodes.keys()) counts.set(node, { owned: 0, replicas: 0 });
  for (const { descriptor } of view.ranges) {
    for (const { node } of descriptor.replicas) {
      const count = counts.get(node);
      if (count === undefined) continue;
      count.replicas++;
      if (node === descriptor.owner.node) count.owned++;
    }
  }
  return [...counts].map(
    ([node, { owned, replicas }]) =>
      `${nameOf(view, node)} owns ${counted(owned, 'range')} and has ${counted(replicas, 'replica')}`,
  );
}
