// Asks every live node about itself, again and again, while somebody looks. One question a node at a time; a node that
// does not answer within the deadline is `silent` since it was first asked in vain. Nothing is asked for nobody.

import { type Env, every, type Timer } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { NodeStatus } from '../common/model/status.ts';
import type { Word } from './page-state.ts';

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
  readonly words = new Map<NodeId, Word>();
  readonly #options: StatusesOptions;
  readonly #asking = new Set<NodeId>();
  #timer: Timer | null = null;

  constructor(options: StatusesOptions) {
    this.#options = options;
  }

  /** Asks now and from now on. */
  start(): void {
    if (this.#timer !== null) return;
    const { env, periodMs } = this.#options;
    this.#timer = every(env, periodMs, () => this.askAll());
    this.askAll();
  }

  /** Nobody looks any more; what was said would be stale when somebody looks again. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.words.clear();
  }

  askAll(): void {
    if (this.#timer === null) return;
    const nodes = this.#options.nodes();
    for (const node of this.words.keys()) if (!nodes.includes(node)) this.words.delete(node);
    for (const node of nodes) void this.#askOne(node);
  }

  async #askOne(node: NodeId): Promise<void> {
    if (this.#asking.has(node)) return;
    const { env, logger } = this.#options;
    const askedAt = env.wallNow();
    this.#asking.add(node);
    try {
      this.#heard(node, { kind: 'said', status: await this.#options.ask(node) });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const before = this.words.get(node);
      if (before?.kind !== 'silent') logger.warn({ node, reason }, 'a node does not answer');
      this.#heard(node, { kind: 'silent', since: before?.kind === 'silent' ? before.since : askedAt });
    } finally {
      this.#asking.delete(node);
    }
  }

  #heard(node: NodeId, word: Word): void {
    if (this.#timer === null || !this.#options.nodes().includes(node)) return;
    this.words.set(node, word);
    this.#options.changed();
  }
}
