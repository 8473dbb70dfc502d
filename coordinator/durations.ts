// Since when something has been as it is, by the leader's own monotonic clock. A new leader knows nothing of the time
// before it: it waits once more rather than act on another machine's clock.

import type { Env } from '../common/base/env.ts';

export class Durations<K> {
  readonly #env: Pick<Env, 'now'>;
  readonly #since = new Map<K, { state: string; at: number }>();

  constructor(env: Pick<Env, 'now'>) {
    this.#env = env;
  }

  /** The states as they are now; what is not named is forgotten. Gives for how many ms each has been so. */
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
