// Evens out who owns how many ranges, by hand-over (R8). A range can only go to its own in-sync members, so the way from
// the busiest node to the idlest may lead over others: a chain of hand-overs, of which only the ends gain or lose. As
// long as such a chain pays there is one, so what is left when this finds none is as even as the replicas allow.

import { type DescriptorImage, withTransfer } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { isUsable, nameOf, ownerIsLive, usableNodes } from '../cluster-view.ts';
import type { Draft } from './draft.ts';
import { wishedOwner } from './node-loads.ts';

interface HandOver {
  readonly image: DescriptorImage;
  readonly from: NodeId;
  readonly to: NodeId;
}

export function planOwnerSpread(draft: Draft): void {
  const { view, config } = draft;
  const underWay = view.ranges.filter((image) => draft.latest(image).transferTo !== null).length;
  const heirs = usableNodes(view).filter((node) => (view.sameForMs.get(node) ?? 0) >= config.balanceAfterMs);
  for (let transfers = underWay; transfers < config.transfersAtOnce; ) {
    const chain = payingChain(draft, movable(draft, heirs), heirs);
    if (chain === undefined) return;
    for (const { image, from, to } of chain) transfer(draft, image, from, to);
    transfers += chain.length;
  }
}

function transfer(draft: Draft, image: DescriptorImage, from: NodeId, to: NodeId): void {
  const { view, ledger } = draft;
  const { id } = image.descriptor;
  const counts = `${ledger.owners(from)} ranges owned there, ${ledger.owners(to)} here`;
  draft.change(image, withTransfer(image.descriptor, to), {
    change: 'transfer',
    node: to,
    reason: `range ${id}: ${nameOf(view, from)} is to hand over to ${nameOf(view, to)}: ${counts}`,
  });
}

/** Every hand-over that may be asked for now, by who would give. */
function movable(draft: Draft, heirs: readonly NodeId[]): Map<NodeId, HandOver[]> {
  const { view, config } = draft;
  const byOwner = new Map<NodeId, HandOver[]>();
  for (const image of view.ranges) {
    const { descriptor } = image;
    const settled = (view.ownedForMs.get(descriptor.id) ?? 0) >= config.balanceAfterMs;
    if (!settled || descriptor.transferTo !== null || draft.isTouched(descriptor.id)) continue;
    const from = wishedOwner(descriptor);
    if (!isUsable(view, from) || !ownerIsLive(view, descriptor)) continue;
    const handOvers = byOwner.get(from) ?? [];
    byOwner.set(from, handOvers);
    for (const to of descriptor.inSync) {
      if (to === from || to === descriptor.retire || !heirs.includes(to)) continue;
      if (view.reach.outOfReach(to, descriptor.inSync).length === 0) handOvers.push({ image, from, to });
    }
  }
  return byOwner;
}

/** From the busiest node that has one: the chain to the idlest node it reaches, if that makes the load more even. */
function payingChain(
  draft: Draft,
  byOwner: ReadonlyMap<NodeId, readonly HandOver[]>,
  heirs: readonly NodeId[],
): readonly HandOver[] | undefined {
  const { ledger } = draft;
  const busiestFirst = [...byOwner.keys()].sort(
    (a, b) => ledger.ownerRelief(b) - ledger.ownerRelief(a) || (a < b ? -1 : 1),
  );
  for (const from of busiestFirst) {
    const reached = shortestChains(from, byOwner);
    const to = ledger.bestOwner(heirs.filter((node) => reached.has(node)));
    if (to !== undefined && ledger.ownerCost(to) < ledger.ownerRelief(from))
      return chainTo(reached, from, to);
  }
  return undefined;
}

/** Breadth first: for each node that can be reached, the hand-over by which it is. A chain visits no node twice. */
function shortestChains(
  from: NodeId,
  byOwner: ReadonlyMap<NodeId, readonly HandOver[]>,
): Map<NodeId, HandOver> {
  const reachedBy = new Map<NodeId, HandOver>();
  const frontier = [from];
  for (let node = frontier.shift(); node !== undefined; node = frontier.shift()) {
    for (const handOver of byOwner.get(node) ?? []) {
      if (handOver.to === from || reachedBy.has(handOver.to)) continue;
      reachedBy.set(handOver.to, handOver);
      frontier.push(handOver.to);
    }
  }
  return reachedBy;
}

function chainTo(reachedBy: ReadonlyMap<NodeId, HandOver>, from: NodeId, to: NodeId): readonly HandOver[] {
  const chain: HandOver[] = [];
  for (let node = to; node !== from; ) {
    const handOver = reachedBy.get(node);
    if (handOver === undefined) break;
    chain.unshift(handOver);
    node = handOver.from;
  }
  return chain;
}
