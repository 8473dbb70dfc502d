// Asks every live node for its status, periodically, while a page is connected. Only one request to a node is under way at a
// time. A node that does not answer within the deadline is `silent` since the first request that it did not answer.

import { type Env, every, type Timer } from '../common/base/env.ts';
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

export class Statuses {
  readonly reports = new Map<NodeId, StatusReport>();
  readonly #options: StatusesOptions;
  readonly #asking = new Set<NodeId>();
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
  }

  askAll(): void {
    if (this.#timer === null) return;
    const nodes = this.#options.nodes();
    for (const node of this.reports.keys()) if (!nodes.includes(node)) this.reports.delete(node);
    for (const node of nodes) void this.#askOne(node);
  }

  async #askOne(node: NodeId): Promise<void> {
    if (this.#asking.has(node)) return;
    const { env, logger } = this.#options;
    const askedAt = env.wallNow();
    this.#asking.add(node);
    try {
      this.#note(node, { kind: 'reported', status: await this.#options.ask(node) });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const before = this.reports.get(node);
      if (before?.kind !== 'silent') logger.warn({ node, reason }, 'a node does not answer');
      this.#note(node, { kind: 'silent', since: before?.kind === 'silent' ? before.since : askedAt });
    } finally {
      this.#asking.delete(node);
    }
  }

  #note(node: NodeId, report: StatusReport): void {
    if (this.#timer === null || !this.#options.nodes().includes(node)) return;
    this.reports.set(node, report);
    this.#options.changed();
  }
}
