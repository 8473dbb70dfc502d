// Asks every live node for its status, periodically, while a page is connected. Only one request to a node is under way at a
// time. A node that does not answer within the deadline is `silent` since the first request that it did not answer. The reports of
// one node also show when it has renewed its lease, which proves that ZooKeeper answers that node.

import { type Env, every, type Timer } from '../common/base/env.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import type { Logger } from '../common/base/log.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { NodeStatus } from '../common/model/status.ts';
import type { StatusReport } from './page-state.ts';

export interface StatusesOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly periodMs: number;
  /** The nodes to ask: those with a live session. */
  readonly nodes: () => readonly NodeId[];
  readonly ask: (node: NodeId) => Promise<NodeStatus>;
  readonly changed: () => void;
}

/** What the last answer said of a node's lease. */
interface LeaseSeen {
  /** When the answer came, Unix ms. */
  readonly at: number;
  /** The latest possible end of the lease, an instant of Env.now(): the answer was under way for an unknown time. */
  readonly endMax: number;
}

export class Statuses {
  readonly reports = new Map<NodeId, StatusReport>();
  readonly #options: StatusesOptions;
  readonly #asking = new Set<NodeId>();
  readonly #leases = new Map<NodeId, LeaseSeen>();
  #timer: Timer | null = null;

  constructor(options: StatusesOptions) {
    this.#options = options;
  }

  /** Asks all nodes now, and then periodically. */
  start(): void {
    if (this.#timer !== null) return;
    const { env, periodMs } = this.#options;
    this.#timer = every(env, periodMs, () => this.askAll());
    this.askAll();
  }

  /** Stops asking. Forgets the reports, which would be out of date at the next start. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.reports.clear();
    this.#leases.clear();
  }

  askAll(): void {
    if (this.#timer === null) return;
    const nodes = this.#options.nodes();
    for (const node of this.reports.keys()) if (!nodes.includes(node)) this.#forget(node);
    for (const node of nodes) void this.#askOne(node);
  }

  async #askOne(node: NodeId): Promise<void> {
    if (this.#asking.has(node)) return;
    const { env, logger } = this.#options;
    const askedAt = env.wallNow();
    const asked = env.now();
    this.#asking.add(node);
    try {
      const status = await this.#options.ask(node);
      this.#note(node, { kind: 'reported', status, leaseRenewedAt: this.#renewedAt(status, node, asked) });
    } catch (error) {
      if (isNotAsked(error)) return;
      const reason = error instanceof Error ? error.message : String(error);
      const before = this.reports.get(node);
      if (before?.kind !== 'silent') logger.warn({ node, reason }, 'a node does not answer');
      this.#note(node, { kind: 'silent', since: before?.kind === 'silent' ? before.since : askedAt });
    } finally {
      this.#asking.delete(node);
    }
  }

  /**
   * A time at or before the newest renewal of the node's lease that is certain, Unix ms: if the lease now ends later than the last
   * answer allowed, it was renewed after that answer. Null: none is known yet.
   */
  #renewedAt({ leaseMs }: NodeStatus, node: NodeId, asked: number): number | null {
    const { env } = this.#options;
    const last = this.#leases.get(node);
    const before = this.reports.get(node);
    this.#leases.set(node, { at: env.wallNow(), endMax: env.now() + leaseMs });
    if (last !== undefined && leaseMs > 0 && asked + leaseMs > last.endMax) return last.at;
    return before?.kind === 'reported' ? before.leaseRenewedAt : null;
  }

  #note(node: NodeId, report: StatusReport): void {
    if (this.#timer === null || !this.#options.nodes().includes(node)) return;
    this.reports.set(node, report);
    this.#options.changed();
  }
  #forget(node: NodeId): void {
    this.reports.delete(node);
    this.#leases.delete(node);
  }
}

/** The webserver has no client that could ask, for example because ZooKeeper did not answer. That says nothing about the node. */
function isNotAsked(error: unknown): boolean {
  return error instanceof RangekeeperError && (error.code === 'NO_CLUSTER' || error.code === 'CLOSED');
}
