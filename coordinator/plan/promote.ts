// R7: a range whose owner's session has no live znode gets a live in-sync member as its owner, in the next epoch. The
// view that this is decided on must have read the live znodes after the descriptor, in one session (reread.ts).

import { type Descriptor, type DescriptorImage, withOwner } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { isLeaving, isUsable, nameOf, ownerIsLive, type View } from '../cluster-view.ts';
import type { Draft } from './draft.ts';

export function planPromotion(draft: Draft, image: DescriptorImage): void {
  const { view } = draft;
  const { descriptor } = image;
  if (ownerIsLive(view, descriptor)) return;
  const candidate = chooseOwner(draft, descriptor);
  if (candidate === undefined) return;
  const session = view.live.get(candidate)?.session;
  if (session === undefined) return;
  draft.change(image, withOwner(descriptor, candidate, session), {
    change: 'promote',
    node: candidate,
    reason: reasonFor(view, descriptor, candidate),
  });
}

/**
 * Of the live in-sync members those that are to stay and healthy, else those that will at least be there for a while, else any:
 * a range with a poor owner is better than one without. The transferee that was asked for comes first, then reach and load.
 */
function chooseOwner(draft: Draft, descriptor: Descriptor): NodeId | undefined {
  const { view, ledger } = draft;
  const { inSync, retire, transferTo } = descriptor;
  const live = inSync.filter((node) => view.live.has(node));
  const lasting = live.filter((node) => !isLeaving(view, node) && !view.reach.cutOff.has(node));
  const staying = lasting.filter((node) => isUsable(view, node) && node !== retire);
  const candidates = [staying, lasting, live].find((some) => some.length > 0) ?? [];
  return transferTo !== null && candidates.includes(transferTo)
    ? transferTo
    : ledger.bestOwner(candidates, inSync);
}

function reasonFor(view: View, descriptor: Descriptor, candidate: NodeId): string {
  const { owner, id } = descriptor;
  if (candidate === owner.node) {
    return `range ${id}: ${nameOf(view, candidate)} owns it again, in the next epoch: its session ${owner.session} has ended`;
  }
  return `range ${id}: ${nameOf(view, candidate)} is promoted: the session of its owner ${nameOf(view, owner.node)} has ended`;
}
