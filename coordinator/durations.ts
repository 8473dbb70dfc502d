// How long things have been in their present states, by the leader's own monotonic clock. A new leader knows nothing of the time
// before its term. It waits once more rather than trust the clock of another machine.

import type { Env } from '../common/base/env.ts';

export class Durations<K> {
  readonly #env: Pick<Env, 'now'>;
  readonly #since = new Map<K, { state: string; at: number }>();

  constructor(env: Pick<Env, 'now'>) {
    this.#env = env;
  }

  /** Takes all present states, and returns how long each has lasted, ms. A key that is not given is forgotten. */
  update(states: ReadonlyMap<K, string>): ReadonlyMap<K, number> {
    const now = this.#env.now();
    for (const key of this.#since.keys()) if (!states.has(key)) this.#since.delete(key);
    const durations = new Map<K, number>();
    for (const [key, state] of states) {
      const known = this.#since.get(key);
      const at = known?.state === state ? known.at : now;
      this.#since.set(key, { state, at });
      durations.set(key, now - at);
    }
    return durations;
  }
}
