// Which ranges the leader may move, split or merge by itself now, and where it may hand them over to.

import type { Descriptor, DescriptorImage } from '../../../common/model/descriptor.ts';
import type { NodeId } from '../../../common/model/ids.ts';
import { type ClusterView, isUsable, ownerIsLive, usableNodes } from '../../cluster-view.ts';
import { rangeKey } from '../../set-aside.ts';
import { homesOf } from '../isolation.ts';
import { intendedOwner } from '../node-loads.ts';
import type { PlanBuilder } from '../plan-builder.ts';
import { isAtRest } from '../reshape.ts';

/** Whether nothing is under way in the range, its owner has had it for a while, and nobody else has plans for it. */
export function isFree(builder: PlanBuilder, { descriptor }: DescriptorImage): boolean {
  const { view, config } = builder;
  const { id, placement } = descriptor;
  if (placement.pinned || builder.isTouched(id) || builder.isHeld(id)) return false;
  if (view.setAside.has(rangeKey(id))) return false;
  const settled = (view.ownedForMs.get(id) ?? 0) >= config.balanceAfterMs;
  return settled && isAtRest(descriptor) && ownerIsLive(view, descriptor);
}

/** Nodes that have been there for long enough to own more, and are not left to isolated ranges. */
export function handOverTargets({ view, config }: PlanBuilder): readonly NodeId[] {
  const homes = homesOf(view);
  return usableNodes(view).filter(
    (node) => (view.sameForMs.get(node) ?? 0) >= config.balanceAfterMs && !homes.has(node),
  );
}

/** The hand-overs of the range that may be requested now. */
export function handOversOf(
  builder: PlanBuilder,
  image: DescriptorImage,
  targets: readonly NodeId[],
): readonly { readonly from: NodeId; readonly to: NodeId }[] {
  const { view } = builder;
  const { descriptor } = image;
  const from = intendedOwner(descriptor);
  if (!isFree(builder, image) || !isUsable(view, from)) return [];
  return descriptor.inSync
    .filter((to) => to !== from && to !== descriptor.retire && targets.includes(to))
    .filter((to) => mayOwn(view, descriptor, to))
    .map((to) => ({ from, to }));
}

/** A range that has a node of its own goes there only, by isolation.ts; else the node must reach the others. */
function mayOwn(view: ClusterView, { placement, inSync }: Descriptor, to: NodeId): boolean {
  if (placement.home !== null) return false;
  return view.connectivity.disconnectedAmong(to, inSync).length === 0;
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
