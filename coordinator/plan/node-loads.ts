// Loads per node, as the descriptors wish them to be: a replica that is to make way no longer counts where it is, an
// owner that is to hand over counts at its heir. Moves and hand-overs under way are thus never planned twice, and every
// move that `cost` allows makes the sum of load²/capacity smaller: balancing ends, and cannot run in a circle.

import type { Descriptor } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import { capacityOf, type View, zoneOf } from '../cluster-view.ts';

export class Ledger {
  readonly #view: View;
  readonly #replicas = new Map<NodeId, number>();
  readonly #owners = new Map<NodeId, number>();
  readonly #learners = new Map<NodeId, number>();

  constructor(view: View) {
    this.#view = view;
  }

  /** Counts a descriptor in (`sign` 1) or out (-1). */
  count(descriptor: Descriptor, sign: 1 | -1): void {
    for (const { node } of descriptor.replicas) {
      if (node !== descriptor.retire) add(this.#replicas, node, sign);
      if (!descriptor.inSync.includes(node)) add(this.#learners, node, sign);
    }
    add(this.#owners, wishedOwner(descriptor), sign);
  }

  replicas(node: NodeId): number {
    return this.#replicas.get(node) ?? 0;
  }

  owners(node: NodeId): number {
    return this.#owners.get(node) ?? 0;
  }

  /** Replicas on this node outside their in-sync set. */
  learners(node: NodeId): number {
    return this.#learners.get(node) ?? 0;
  }

  /** What one more replica on `node` costs; a move pays if it costs less than {@link replicaRelief} gives back. */
  replicaCost(node: NodeId): number {
    return (2 * this.replicas(node) + 1) / capacityOf(this.#view, node);
  }

  replicaRelief(node: NodeId): number {
    return (2 * this.replicas(node) - 1) / capacityOf(this.#view, node);
  }

  ownerCost(node: NodeId): number {
    return (2 * this.owners(node) + 1) / capacityOf(this.#view, node);
  }

  ownerRelief(node: NodeId): number {
    return (2 * this.owners(node) - 1) / capacityOf(this.#view, node);
  }

  /** How many of `others` share the zone of `node`: what is lost with it if the zone is. */
  zonePeers(node: NodeId, others: readonly NodeId[]): number {
    const zone = zoneOf(this.#view, node);
    return others.filter((other) => other !== node && zoneOf(this.#view, other) === zone).length;
  }

  /**
   * The best place for one more replica beside `others`: one that can talk to them, then zones, then load. Undefined without
   * candidates.
   */
  bestPlace(candidates: readonly NodeId[], others: readonly NodeId[]): NodeId | undefined {
    const { reach } = this.#view;
    return least(candidates, (node) => [
      reach.outOfReach(node, others).length,
      this.zonePeers(node, others),
      this.replicaCost(node),
    ]);
  }

  /** The member that should own one more range beside `others`: one that can talk to them, then by load. */
  bestOwner(candidates: readonly NodeId[], others: readonly NodeId[] = []): NodeId | undefined {
    const { reach } = this.#view;
    return least(candidates, (node) => [
      reach.outOfReach(node, others).length,
      this.ownerCost(node),
      this.replicaCost(node),
    ]);
  }

  /** Of `candidates`, all replicas of one range, the one that it can best do without. */
  bestVictim(candidates: readonly NodeId[], replicas: readonly NodeId[]): NodeId | undefined {
    return least(candidates, (node) => [-this.zonePeers(node, replicas), -this.replicaRelief(node)]);
  }
}

/** Who owns the range once the hand-over that is wished for is done. */
export function wishedOwner(descriptor: Descriptor): NodeId {
  return descriptor.transferTo ?? descriptor.owner.node;
}

function add(counts: Map<NodeId, number>, node: NodeId, change: number): void {
  counts.set(node, (counts.get(node) ?? 0) + change);
}

/** The candidate with the smallest tuple; among equals the smallest id, so that plans are repeatable. */
function least(
  candidates: readonly NodeId[],
  measure: (node: NodeId) => readonly number[],
): NodeId | undefined {
  let best: { node: NodeId; size: readonly number[] } | undefined;
  for (const node of [...candidates].sort()) {
    const size = measure(node);
    if (best === undefined || compareTuples(size, best.size) < 0) best = { node, size };
  }
  return best?.node;
}

function compareTuples(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
