// Steps that are set aside: ZooKeeper refuses them, so they are not planned for a while. Otherwise one impossible step would keep
// the leader busy and delay the other steps. The leader's loop records outcomes here, and plan/plan-builder.ts leaves out what the
// view shows as set aside. No step is given up: each is tried again after a pause, and the pauses double.
//
// A compare-and-set may lose against other writers any number of times: each time the leader reads the new version and plans
// anew. It is different if reading again shows nothing new, because the znode cannot be decoded or something else is wrong. Then
// the leader plans the same compare-and-set again. Only such refusals are counted.

import { backoffMs } from '../common/base/backoff.ts';
import type { Env } from '../common/base/env.ts';
import type { RangeId } from '../common/model/ids.ts';
import type { Step } from './step.ts';

/**
 * A step is set aside after this many refusals of the same compare-and-set in a row. Fewer may be chance, because a change may
 * take a moment to show.
 */
const REFUSALS_MAX = 5;
const PAUSES = { minMs: 1_000, maxMs: 60_000 };

interface Failures {
  /** The versions that the step expected at its last refusal. */
  expected: string;
  /** Refusals in a row with these versions. */
  refusals: number;
  /** How often the step has been set aside. */
  pauses: number;
  /** The end of the present pause, an instant of Env.now(). */
  until: number;
}

export class SetAside {
  readonly #env: Env;
  readonly #failures = new Map<string, Failures>();

  constructor(env: Env) {
    this.#env = env;
  }

  /** What is set aside now, by the keys of {@link keyOf}. */
  current(): ReadonlySet<string> {
    const now = this.#env.now();
    const keys = new Set<string>();
    for (const [key, { until }] of this.#failures) {
      if (until > now) keys.add(key);
      else if (until + 2 * PAUSES.maxMs < now) this.#failures.delete(key);
    }
    return keys;
  }

  done(step: Step): void {
    this.#failures.delete(keyOf(step));
  }

  /**
   * To be called when ZooKeeper has refused the step because something is not as it expected. Returns the pause in ms if the step is
   * now set aside; null: it may be planned again at once.
   */
  refused(step: Step): number | null {
    const failures = this.#failuresOf(step);
    const expected = expectedBy(step);
    if (failures.expected !== expected) failures.refusals = 0;
    failures.expected = expected;
    return ++failures.refusals < REFUSALS_MAX ? null : this.#pause(failures);
  }

  /** To be called when the step can never succeed as it is. Returns the pause in ms. */
  impossible(step: Step): number {
    return this.#pause(this.#failuresOf(step));
  }

  #failuresOf(step: Step): Failures {
    const key = keyOf(step);
    const known = this.#failures.get(key);
    if (known !== undefined) return known;
    const failures = { expected: '', refusals: 0, pauses: 0, until: this.#env.now() };
    this.#failures.set(key, failures);
    return failures;
  }

  #pause(failures: Failures): number {
    const pauseMs = backoffMs(PAUSES, failures.pauses++);
    failures.until = this.#env.now() + pauseMs;
    return pauseMs;
  }
}

export function namespaceKey(name: string): string {
  return `namespace ${name}`;
}

export function rangeKey(id: RangeId): string {
  return `range ${id}`;
}

export function taskKey(id: string): string {
  return `task ${id}`;
}

/** The znode that the step is about. */
export function keyOf(step: Step): string {
  switch (step.kind) {
    case 'range':
      return rangeKey(step.after.id);
    case 'create-namespace':
      return namespaceKey(step.namespace.name);
    case 'reshape':
      return `range ${step.ranges[0]?.after.id}`;
    case 'delete-range':
      return rangeKey(step.before.descriptor.id);
    case 'alter-namespace':
    case 'delete-namespace':
      return namespaceKey(step.before.record.name);
    case 'set-node-mode':
      return `node ${step.after.id}`;
    case 'note-node':
      return `note ${step.before.record.id}`;
    case 'forget-node':
      return `node ${step.before.record.id}`;
    case 'task':
      return taskKey(step.task.task.id);
  }
}

/** The versions that the step's compare-and-sets expect: of its own znode and of its task's. */
function expectedBy(step: Step): string {
  const own = step.kind === 'task' ? null : step.before.version;
  return `${own} ${step.task?.task.version ?? null}`;
}
