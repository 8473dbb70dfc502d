// The load of each node once the moves and hand-overs under way are done: a replica that is to retire no longer counts, and a range
// that is to be handed over counts for its transferee. So nothing is planned twice. A move is made only if it gives back more than
// it costs. Each such move makes the sum of load²/capacity smaller, so balancing ends and never goes in circles.

import type { Descriptor } from '../../common/model/descriptor.ts';
import type { NodeId, ReplicaRef } from '../../common/model/ids.ts';
import { areOnOneMachine, type ClusterView, capacityOf, ownerCapacityOf, zoneOf } from '../cluster-view.ts';
import type { RangeWeights } from './load-decisions/range-weights.ts';

export class NodeLoads {
  readonly #view: ClusterView;
  readonly #weights: RangeWeights;
  readonly #replicas = new Map<NodeId, number>();
  readonly #owners = new Map<NodeId, number>();
  readonly #learners = new Map<NodeId, number>();
  /** Ranges with a replica that is to retire, and their bytes. */
  #moves = 0;
  #moveBytes = 0;

  constructor(view: ClusterView, weights: RangeWeights) {
    this.#view = view;
    this.#weights = weights;
  }

  /** Adds the descriptor's load (`sign` 1) or takes it away (-1). */
  count(descriptor: Descriptor, sign: 1 | -1): void {
    for (const { node } of descriptor.replicas) {
      if (node !== descriptor.retire) add(this.#replicas, node, sign);
      if (!descriptor.inSync.includes(node)) add(this.#learners, node, sign);
    }
    if (descriptor.retire !== null) {
      this.#moves += sign;
      this.#moveBytes += sign * this.#weights.bytesOf(descriptor.id);
    }
    const owner = intendedOwner(descriptor);
    if (!this.#weights.isLoaded(descriptor.id)) add(this.#owners, owner, sign);
    this.#weights.count(descriptor, moveTarget(descriptor) ?? owner, sign);
  }

  get moves(): number {
    return this.#moves;
  }

  get moveBytes(): number {
    return this.#moveBytes;
  }

  replicas(node: NodeId): number {
    return this.#replicas.get(node) ?? 0;
  }

  /** Ranges that it owns; without those that are spread by their load. */
  owners(node: NodeId): number {
    return this.#owners.get(node) ?? 0;
  }

  /** Replicas on this node that are not in-sync. */
  learners(node: NodeId): number {
    return this.#learners.get(node) ?? 0;
  }

  /** The cost of one more replica on `node`. A move pays if this is less than {@link replicaRelief} of the node it leaves. */
  replicaCost(node: NodeId): number {
    return (2 * this.replicas(node) + 1) / capacityOf(this.#view, node);
  }

  replicaRelief(node: NodeId): number {
    return (2 * this.replicas(node) - 1) / capacityOf(this.#view, node);
  }

  ownerCost(node: NodeId): number {
    return (2 * this.owners(node) + 1) / ownerCapacityOf(this.#view, node);
  }

  ownerRelief(node: NodeId): number {
    return (2 * this.owners(node) - 1) / ownerCapacityOf(this.#view, node);
  }

  /** How many of `others` are in the zone of `node`, and are lost together with it if the zone is. */
  zonePeers(node: NodeId, others: readonly NodeId[]): number {
    const zone = zoneOf(this.#view, node);
    let peers = 0;
    for (const other of others) if (other !== node && zoneOf(this.#view, other) === zone) peers++;
    return peers;
  }

  /** How many of `others` are on the machine of `node`. */
  machinePeers(node: NodeId, others: readonly NodeId[]): number {
    let peers = 0;
    for (const other of others) if (other !== node && areOnOneMachine(this.#view, node, other)) peers++;
    return peers;
  }

  /**
   * The best node for one more replica of a range whose other replicas are on `others`: by connections with them, then by zones,
   * then by load. Undefined if there are no candidates.
   */
  bestPlace(candidates: readonly NodeId[], others: readonly NodeId[]): NodeId | undefined {
    const { connectivity } = this.#view;
    return least(candidates, (node) => [
      connectivity.disconnectedAmong(node, others).length,
      this.zonePeers(node, others),
      this.replicaCost(node),
    ]);
  }

  /**
   * The best owner of a range whose other members are `others`: by connections with them, then by what clients ask of them, in tenths of
   * the mean, then by numbers. Undefined if there are no candidates.
   */
  bestOwner(candidates: readonly NodeId[], others: readonly NodeId[] = []): NodeId | undefined {
    const { connectivity } = this.#view;
    const { cpu } = this.#weights;
    return least(candidates, (node) => [
      connectivity.disconnectedAmong(node, others).length,
      cpu.matter ? Math.round(cpu.level(node) * 10) : 0,
      this.ownerCost(node),
      this.replicaCost(node),
    ]);
  }

  /**
   * The candidate whose replica the range can best do without: by machines, then by zones, then by load.
   * @param replicas all replicas of the range
   */
  bestToRemove(candidates: readonly NodeId[], replicas: readonly NodeId[]): NodeId | undefined {
    return least(candidates, (node) => [
      -this.machinePeers(node, replicas),
      -this.zonePeers(node, replicas),
      -this.replicaRelief(node),
    ]);
  }
}

/** Who owns the range once the hand-over under way, if any, is done. */
export function intendedOwner(descriptor: Descriptor): NodeId {
  return descriptor.transferTo ?? descriptor.owner.node;
}

/** The node that gets the replica of the owner, and is to own the range then: the one that was added last. Null: the owner is not moved. */
export function moveTarget({ owner, retire, transferTo, replicas }: Descriptor): NodeId | null {
  if (retire !== owner.node || transferTo !== null) return null;
  const others = replicas.filter(({ node }) => node !== retire);
  return (
    others.reduce<ReplicaRef | null>((last, each) => (each.inc > (last?.inc ?? 0) ? each : last), null)
      ?.node ?? null
  );
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
