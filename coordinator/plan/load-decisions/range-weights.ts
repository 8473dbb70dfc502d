// What ranges weigh: the CPU that a range takes from its owner, and the bytes that each of its replicas has. Summed up by node as they will
// be once the moves and hand-overs under way are done, each relative to what the node should carry.

import type { Descriptor } from '../../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../../common/model/ids.ts';
import { type ClusterView, capacityOf, ownerCapacityOf, usableNodes } from '../../cluster-view.ts';

/** Below this mean the number of replicas counts, not their bytes. */
const FULL_BYTES = 64 * 1024 * 1024;
/** A range with a smaller part of a node's mean is too light to be moved for its weight: it is moved to even out numbers. */
const LIGHT_SHARE = 0.01;

export interface WeightsParts {
  /** Nodes that may carry something. */
  readonly nodes: readonly NodeId[];
  readonly capacity: (node: NodeId) => number;
  /** Of all nodes together. */
  readonly sum: number;
  /** A mean that counts. */
  readonly least: number;
}

export class Weights {
  readonly #weights = new Map<NodeId, number>();
  readonly #capacity: (node: NodeId) => number;
  readonly #least: number;
  /** What each node would have if it were spread evenly. */
  readonly mean: number;

  constructor({ nodes, capacity, sum, least }: WeightsParts) {
    const capacities = nodes.reduce((all, node) => all + capacity(node), 0);
    this.#capacity = capacity;
    this.#least = least;
    this.mean = capacities === 0 ? 0 : sum / capacities;
  }

  add(node: NodeId, weight: number): void {
    this.#weights.set(node, (this.#weights.get(node) ?? 0) + weight);
  }

  /** Whether the weights are large enough to be evened out. */
  get matter(): boolean {
    return this.mean >= this.#least;
  }

  /** Relative to the mean: 1 is a node's share. */
  level(node: NodeId, more = 0): number {
    return ((this.#weights.get(node) ?? 0) + more) / this.#capacity(node) / this.mean;
  }

  /** By how much the higher level of the two falls if `weight` goes from one to the other. */
  gain(from: NodeId, to: NodeId, weight: number): number {
    return this.level(from) - Math.max(this.level(from, -weight), this.level(to, weight));
  }

  /** Whether the number of such things on a node counts, and not their weight. */
  isLight(weight: number): boolean {
    return !this.matter || weight < LIGHT_SHARE * this.mean;
  }
}

/** The weights of all ranges of a view. */
export class RangeWeights {
  readonly #view: ClusterView;
  /** CPU, by owner. */
  readonly cpu: Weights;
  /** Bytes, by replica. */
  readonly bytes: Weights;

  /** @param busyCpu a mean load, in cores, for which something is moved */
  constructor(view: ClusterView, busyCpu: number) {
    this.#view = view;
    const nodes = usableNodes(view);
    const descriptors = view.ranges.map(({ descriptor }) => descriptor);
    this.cpu = new Weights({
      ...{ nodes, capacity: (node: NodeId) => ownerCapacityOf(view, node), least: busyCpu },
      sum: descriptors.reduce((sum, { id }) => sum + this.cpuOf(id), 0),
    });
    this.bytes = new Weights({
      ...{ nodes, capacity: (node: NodeId) => capacityOf(view, node), least: FULL_BYTES },
      sum: descriptors.reduce(
        (sum, descriptor) => sum + this.bytesOf(descriptor.id) * staying(descriptor),
        0,
      ),
    });
  }

  /** Adds the range's weights (`sign` 1) or takes them away (-1). @param owner who owns it once a hand-over under way is done */
  count({ id, replicas, retire }: Descriptor, owner: NodeId, sign: 1 | -1): void {
    const cpu = this.cpuOf(id);
    if (cpu > 0) this.cpu.add(owner, sign * cpu);
    const bytes = this.bytesOf(id);
    if (bytes === 0) return;
    for (const { node } of replicas) if (node !== retire) this.bytes.add(node, sign * bytes);
  }

  /** Whether clients ask so much of the range that its owner is chosen by that. Else by numbers. */
  isLoaded(range: RangeId): boolean {
    return !this.cpu.isLight(this.cpuOf(range));
  }

  /** In cores; 0 if it is not known. */
  cpuOf(range: RangeId): number {
    return this.#view.loads.ranges.get(range)?.cpu ?? 0;
  }

  /** 0 if it is not known. */
  bytesOf(range: RangeId): number {
    return this.#view.loads.ranges.get(range)?.bytes ?? 0;
  }
}

/** The number of its replicas, without one that is to retire. */
function staying({ replicas, retire }: Descriptor): number {
  return retire === null ? replicas.length : replicas.length - 1;
}
