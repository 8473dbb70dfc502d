// Steps that cannot be carried out, and are therefore not planned for a while: one that ZooKeeper refuses for good must not keep
// the leader busy or stand before the others. Kept by the leader (loop.ts) and shown to the planner in the view (plan/draft.ts
// leaves such steps out). Nothing is given up: each is tried again, after a pause that doubles.
//
// A compare-and-set that another writer has won is not refused for good, however often it happens: the leader reads again and
// plans on the new version. But where reading again brings no news, because the znode cannot be read or something else is in
// the way, the leader plans the very same compare-and-set again. Only such refusals are counted.

import { backoffMs } from '../common/base/backoff.ts';
import type { Env } from '../common/base/env.ts';
import type { Step } from './step.ts';

/** Of one compare-and-set. Fewer may be chance: what has changed may take a moment to show. */
const REFUSALS_MAX = 5;
const PAUSES = { minMs: 1_000, maxMs: 60_000 };

interface Trouble {
  /** The versions that the step expected when it was refused last. */
  expected: string;
  /** In a row, with these versions. */
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

  /**
   * ZooKeeper said no: something is not as the step expected. The pause in ms, if the step is set aside for it; null: it may be
   * planned again at once, on what is read now.
   */
  refused(step: Step): number | null {
    const trouble = this.#trouble(step);
    const expected = expectedBy(step);
    if (trouble.expected !== expected) trouble.refusals = 0;
    trouble.expected = expected;
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
    const trouble = { expected: '', refusals: 0, pauses: 0, until: this.#env.now() };
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

/** The versions that the step's compare-and-sets expect, of its znode and of its task. */
function expectedBy(step: Step): string {
  const own = step.kind === 'task' ? null : step.before.version;
  return `${own} ${step.task?.task.version ?? null}`;
}
