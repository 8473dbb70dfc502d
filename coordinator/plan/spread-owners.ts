// Balances how many ranges each node owns, by hand-overs (R8). Ranges with a load are left to load-decisions/spread-load.ts. A range can
// only go to one of its in-sync members. So to relieve the busiest node it may take a chain of hand-overs, in which only the first node
// loses a range and only the last one gains one. When no chain pays, ownership is as even as the replicas allow.

import { type DescriptorImage, withTransfer } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { nameOf } from '../cluster-view.ts';
import { handOversOf, handOverTargets } from './load-decisions/movable.ts';
import type { PlanBuilder } from './plan-builder.ts';

interface HandOver {
  readonly image: DescriptorImage;
  readonly from: NodeId;
  readonly to: NodeId;
}

export function planOwnerSpread(builder: PlanBuilder): void {
  const { view, config } = builder;
  const underWay = view.ranges.filter((image) => builder.latest(image).transferTo !== null).length;
  if (underWay >= config.transfersAtOnce) return;
  const targets = handOverTargets(builder);
  const handOvers = movable(builder, targets);
  for (let transfers = underWay; transfers < config.transfersAtOnce; ) {
    const chain = payingChain(builder, usable(builder, handOvers), targets);
    if (chain === undefined) return;
    for (const { image, from, to } of chain) transfer(builder, image, from, to);
    transfers += chain.length;
  }
}

function transfer(builder: PlanBuilder, image: DescriptorImage, from: NodeId, to: NodeId): void {
  const { view, loads, weights } = builder;
  const { id } = image.descriptor;
  const what = weights.cpu.matter ? 'ranges with little load' : 'ranges';
  const counts = `they own ${loads.owners(from)} and ${loads.owners(to)} ${what}`;
  builder.change(image, withTransfer(image.descriptor, to), {
    change: 'transfer',
    node: to,
    reason: `range ${id}: ${nameOf(view, from)} is to hand over to ${nameOf(view, to)}: ${counts}`,
  });
}

/** Hand-overs by the node that would hand over, then by the one that would take over. */
type HandOvers = ReadonlyMap<NodeId, ReadonlyMap<NodeId, readonly HandOver[]>>;

/** Every hand-over that may be requested now. Ranges that have a load are spread by it. */
function movable(builder: PlanBuilder, targets: readonly NodeId[]): HandOvers {
  const { view, weights } = builder;
  const all = new Map<NodeId, Map<NodeId, HandOver[]>>();
  for (const image of view.ranges) {
    if (weights.isLoaded(image.descriptor.id)) continue;
    for (const { from, to } of handOversOf(builder, image, targets)) {
      const byTarget = all.get(from) ?? new Map<NodeId, HandOver[]>();
      all.set(from, byTarget);
      const handOvers = byTarget.get(to) ?? [];
      byTarget.set(to, handOvers);
      handOvers.push({ image, from, to });
    }
  }
  return all;
}

/** For each node, one hand-over to each node possible: of a range that no step changes so far. */
function usable(builder: PlanBuilder, handOvers: HandOvers): ReadonlyMap<NodeId, readonly HandOver[]> {
  const isUntouched = ({ image }: HandOver) => !builder.isTouched(image.descriptor.id);
  return new Map(
    [...handOvers].map(([from, byTarget]): [NodeId, readonly HandOver[]] => [
      from,
      [...byTarget.values()].map((some) => some.find(isUntouched)).filter((first) => first !== undefined),
    ]),
  );
}

/** A chain from the busiest node possible to the least loaded node that it leads to, if that makes the load more even. */
function payingChain(
  builder: PlanBuilder,
  byOwner: ReadonlyMap<NodeId, readonly HandOver[]>,
  targets: readonly NodeId[],
): readonly HandOver[] | undefined {
  const { loads } = builder;
  const busiestFirst = [...byOwner.keys()].sort(
    (a, b) => loads.ownerRelief(b) - loads.ownerRelief(a) || (a < b ? -1 : 1),
  );
  const leastCost = Math.min(...targets.map((node) => loads.ownerCost(node)));
  for (const from of busiestFirst) {
    if (loads.ownerRelief(from) <= leastCost) return undefined;
    const reached = shortestChains(from, byOwner);
    const to = loads.bestOwner(targets.filter((node) => reached.has(node)));
    if (to !== undefined && loads.ownerCost(to) < loads.ownerRelief(from)) return chainTo(reached, from, to);
  }
  return undefined;
}

/** Breadth-first search: for each node that chains from `from` lead to, the last hand-over of the shortest one. */
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
