// Steps that cannot be carried out, and are therefore not planned for a while: one that ZooKeeper refuses for good (too large,
// not permitted), or again and again, must not keep the leader busy or stand before the others. Kept by the leader
// (loop.ts) and shown to the planner in the view (plan/draft.ts leaves such steps out). Nothing is given up: each is tried
// again, after a pause that doubles.

import { backoffMs } from '../common/base/backoff.ts';
import type { Env } from '../common/base/env.ts';
import type { Step } from './step.ts';

/** Refusals in a row that may be mere chance: others write to the same znodes. */
const REFUSALS_MAX = 5;
const PAUSES = { minMs: 1_000, maxMs: 60_000 };

interface Trouble {
  /** In a row. */
  refusals: number;
  /** How often it has been set aside. */
  pauses: number;
  /** An instant of Env.now(). */
  until: number;
}

export class SetAside {
  readonly #env: Env;
  readonly #troubles = new Map<string, Trouble>();

  constructor(env: Env) {
    this.#env = env;
  }

  /** What is set aside at this moment, as {@link keyOf} names it. */
  current(): ReadonlySet<string> {
    const now = this.#env.now();
    const keys = new Set<string>();
    for (const [key, { until }] of this.#troubles) {
      if (until > now) keys.add(key);
      else if (until + 2 * PAUSES.maxMs < now) this.#troubles.delete(key);
    }
    return keys;
  }

  done(step: Step): void {
    this.#troubles.delete(keyOf(step));
  }

  /** ZooKeeper said no. The pause in ms, if the step is set aside for it; null: it may be planned again at once. */
  refused(step: Step): number | null {
    const trouble = this.#trouble(step);
    return ++trouble.refusals < REFUSALS_MAX ? null : this.#pause(trouble);
  }

  /** It will never be carried out as it is. The pause in ms. */
  hopeless(step: Step): number {
    return this.#pause(this.#trouble(step));
  }

  #trouble(step: Step): Trouble {
    const key = keyOf(step);
    const known = this.#troubles.get(key);
    if (known !== undefined) return known;
    const trouble = { refusals: 0, pauses: 0, until: this.#env.now() };
    this.#troubles.set(key, trouble);
    return trouble;
  }

  #pause(trouble: Trouble): number {
    const pauseMs = backoffMs(PAUSES, trouble.pauses++);
    trouble.until = this.#env.now() + pauseMs;
    return pauseMs;
  }
}

export function namespaceKey(name: string): string {
  return `namespace ${name}`;
}

/** The znode that the step is about. */
export function keyOf(step: Step): string {
  switch (step.kind) {
    case 'range':
      return `range ${step.after.id}`;
    case 'create-namespace':
      return namespaceKey(step.namespace.name);
    case 'set-node-mode':
      return `node ${step.after.id}`;
    case 'note-node':
      return `note ${step.before.record.id}`;
    case 'forget-node':
      return `node ${step.before.record.id}`;
    case 'task':
      return `task ${step.task.task.id}`;
  }
}
