// R7: if the session of a range's owner has no live znode, a live in-sync member becomes the owner in the next epoch. The view must
// come from a read of the live znodes after the descriptor, in one session (reread.ts).

import { type Descriptor, type DescriptorImage, withOwner } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { type ClusterView, isLeaving, isUsable, nameOf, ownerIsLive } from '../cluster-view.ts';
import type { PlanBuilder } from './plan-builder.ts';

export function planPromotion(builder: PlanBuilder, image: DescriptorImage): void {
  const { view } = builder;
  const { descriptor } = image;
  if (ownerIsLive(view, descriptor)) return;
  const candidate = chooseOwner(builder, descriptor);
  if (candidate === undefined) return;
  const session = view.live.get(candidate)?.session;
  if (session === undefined) return;
  builder.change(image, withOwner(descriptor, candidate, session), {
    change: 'promote',
    node: candidate,
    reason: reasonFor(view, descriptor, candidate),
  });
}

/**
 * Chooses among the live in-sync members. Best are those that are usable and not to retire, then those that are not leaving and not
 * cut off, then any, because a poor owner is better than none. Among these the requested transferee comes first, then connections
 * and load decide.
 */
function chooseOwner(builder: PlanBuilder, descriptor: Descriptor): NodeId | undefined {
  const { view, loads } = builder;
  const { inSync, retire, transferTo } = descriptor;
  const live = inSync.filter((node) => view.live.has(node));
  const lasting = live.filter((node) => !isLeaving(view, node) && !view.connectivity.cutOff.has(node));
  const staying = lasting.filter((node) => isUsable(view, node) && node !== retire);
  const candidates = [staying, lasting, live].find((some) => some.length > 0) ?? [];
  return transferTo !== null && candidates.includes(transferTo)
    ? transferTo
    : loads.bestOwner(candidates, inSync);
}

function reasonFor(view: ClusterView, descriptor: Descriptor, candidate: NodeId): string {
  const { owner, id } = descriptor;
  if (candidate === owner.node) {
    return `range ${id}: ${nameOf(view, candidate)} owns it again, in the next epoch: its session ${owner.session} has ended`;
  }
  return `range ${id}: ${nameOf(view, candidate)} is promoted: the session of its owner ${nameOf(view, owner.node)} has ended`;
}
