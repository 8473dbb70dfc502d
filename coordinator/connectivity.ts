// Which live nodes are connected with each other, according to the nodes' reports. A connection counts as lost if either end
// reports it, because replication needs both directions. It is immutable, and part of the cluster view.

import type { NodeId } from '../common/model/ids.ts';

/** By the reporting node, then by the node that it has no connection with: for how long this has been reported, ms. */
export type ConnectivityReports = ReadonlyMap<NodeId, ReadonlyMap<NodeId, number>>;

export class Connectivity {
  /**
   * Live nodes from which no chain of connections leads to the largest group of connected nodes. If several groups are equally
   * large, nobody can say who is cut off. Then only a node counts that all others report, and that itself reports none of them.
   */
  readonly cutOff: ReadonlySet<NodeId>;
  readonly #live: ReadonlySet<NodeId>;
  readonly #reports: ConnectivityReports;
  /** There are no reports, which is the usual case: nothing needs to be looked up. */
  readonly #allConnected: boolean;

  /** Reports by and about nodes that are not live are ignored. */
  constructor(live: Iterable<NodeId>, reports: ConnectivityReports) {
    this.#live = new Set(live);
    this.#reports = reports;
    this.#allConnected = [...reports.values()].every((about) => about.size === 0);
    this.cutOff = this.#allConnected ? new Set() : this.#findCutOff();
  }

  /** False: one of the two reports that it has no connection with the other. */
  areConnected(a: NodeId, b: NodeId): boolean {
    return this.disconnectedForMs(a, b) === null;
  }

  /** How long the two have had no connection, ms; null: they are connected. */
  disconnectedForMs(a: NodeId, b: NodeId): number | null {
    if (this.#allConnected) return null;
    const reported = [this.#reportedForMs(a, b), this.#reportedForMs(b, a)].filter((ms) => ms !== null);
    return reported.length === 0 ? null : Math.max(...reported);
  }

  /** Those of `others` that have no connection with `node`. */
  disconnectedAmong(node: NodeId, others: readonly NodeId[]): readonly NodeId[] {
    if (this.#allConnected) return [];
    return others.filter((other) => other !== node && !this.areConnected(node, other));
  }

  /**
   * The nodes that have no connection with `node`, sorted, as far as `node` is to blame. Reports of nodes that are cut off do not
   * count. The reports of `node` itself count only if it is cut off.
   */
  unreachableBy(node: NodeId): readonly NodeId[] {
    if (this.#allConnected) return [];
    const isDisconnected = this.cutOff.has(node)
      ? (other: NodeId) => !this.areConnected(node, other)
      : (other: NodeId) => this.#reportedForMs(other, node) !== null;
    return [...this.#live].filter((other) => !this.cutOff.has(other) && isDisconnected(other)).sort();
  }

  /** For each report: in how many ms it will have lasted for `ms`. Negative or 0: it has already. */
  *waitsFor(ms: number): Iterable<number> {
    for (const about of this.#reports.values()) for (const forMs of about.values()) yield ms - forMs;
  }

  #reportedForMs(from: NodeId, about: NodeId): number | null {
    if (!this.#live.has(from) || !this.#live.has(about)) return null;
    return this.#reports.get(from)?.get(about) ?? null;
  }

  #findCutOff(): ReadonlySet<NodeId> {
    const groups = this.#groups().sort((a, b) => b.length - a.length);
    const [first = [], second = []] = groups;
    if (first.length > second.length) return new Set(groups.slice(1).flat());
    const nodes = [...this.#live];
    return new Set(nodes.filter((node) => this.#isOnlyReported(node, nodes)));
  }

  /** The live nodes in groups. Within a group a chain of connections leads from each node to each other one. */
  #groups(): NodeId[][] {
    const left = new Set([...this.#live].sort());
    const groups: NodeId[][] = [];
    for (const start of left) {
      left.delete(start);
      const group = [start];
      for (const node of group) {
        for (const other of left) {
          if (!this.areConnected(node, other)) continue;
          left.delete(other);
          group.push(other);
        }
      }
      groups.push(group);
    }
    return groups;
  }

  #isOnlyReported(node: NodeId, nodes: readonly NodeId[]): boolean {
    const others = nodes.filter((other) => other !== node);
    return (
      others.every((other) => this.#reportedForMs(other, node) !== null) &&
      others.every((other) => this.#reportedForMs(node, other) === null)
    );
  }
}
