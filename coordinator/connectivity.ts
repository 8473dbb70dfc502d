// Which live nodes can talk to each other, by what the nodes report of their connections. A connection counts as lost when
// either end reports it: replication needs both directions. Pure and immutable; part of the view that plans look at.

import type { NodeId } from '../common/model/ids.ts';

/** Reporter, then the node that it cannot connect to: for how long that has been reported, ms. */
export type ReachReports = ReadonlyMap<NodeId, ReadonlyMap<NodeId, number>>;

export class Reach {
  /**
   * Live nodes from which no chain of connections leads to the largest group of connected nodes. Where several groups are the
   * largest, nobody can say who is cut off, but for a node that all others report while it reports none of them.
   */
  readonly cutOff: ReadonlySet<NodeId>;
  readonly #live: ReadonlySet<NodeId>;
  readonly #reports: ReachReports;
  /** Nothing is reported, as nearly always: nothing has to be looked up. */
  readonly #quiet: boolean;

  /** Reports by and about nodes that are not live are ignored. */
  constructor(live: Iterable<NodeId>, reports: ReachReports) {
    this.#live = new Set(live);
    this.#reports = reports;
    this.#quiet = [...reports.values()].every((about) => about.size === 0);
    this.cutOff = this.#quiet ? new Set() : this.#findCutOff();
  }

  /** False: one of the two reports that it cannot connect to the other. */
  canTalk(a: NodeId, b: NodeId): boolean {
    return this.apartForMs(a, b) === null;
  }

  /** For how long the two cannot talk, ms; null: they can. */
  apartForMs(a: NodeId, b: NodeId): number | null {
    if (this.#quiet) return null;
    const reported = [this.#reportedForMs(a, b), this.#reportedForMs(b, a)].filter((ms) => ms !== null);
    return reported.length === 0 ? null : Math.max(...reported);
  }

  /** Who of `others` cannot talk to `node`. */
  outOfReach(node: NodeId, others: readonly NodeId[]): readonly NodeId[] {
    if (this.#quiet) return [];
    return others.filter((other) => other !== node && !this.canTalk(node, other));
  }

  /**
   * The nodes without a connection with `node`, in order, as far as that is a finding about `node`: reports of nodes that are cut
   * off count against nobody, and its own reports count only where it is cut off itself.
   */
  apartFrom(node: NodeId): readonly NodeId[] {
    if (this.#quiet) return [];
    const isApart = this.cutOff.has(node)
      ? (other: NodeId) => !this.canTalk(node, other)
      : (other: NodeId) => this.#reportedForMs(other, node) !== null;
    return [...this.#live].filter((other) => !this.cutOff.has(other) && isApart(other)).sort();
  }

  /** When a report has lasted for `ms`, from now; those that have already do not count. */
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

  /** The live nodes in groups: within one, each is connected to each, if need be over others. */
  #groups(): NodeId[][] {
    const left = new Set([...this.#live].sort());
    const groups: NodeId[][] = [];
    for (const start of left) {
      left.delete(start);
      const group = [start];
      for (const node of group) {
        for (const other of left) {
          if (!this.canTalk(node, other)) continue;
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
