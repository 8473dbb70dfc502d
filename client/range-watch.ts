// Decides which descriptors a client watches: those it has used in the last minute, up to a limit. Each watch costs memory in
// ZooKeeper, and a read after every reconnect. So a client of a large cluster watches only the ranges that it uses, and
// learns of changes of the others from the errors of nodes.

import { type Env, every, type Timer } from '../common/base/env.ts';
import type { RangeId } from '../common/model/ids.ts';
import type { Observer } from '../common/zk/store.ts';

export const WATCH = { idleMs: 60_000, sweepMs: 10_000, rangesMax: 1_000 } as const;

interface Watched {
  /** Whether it was used since the last sweep. The sweep then sets `usedAt`, so that a use does not read the clock. */
  used: boolean;
  usedAt: number;
  readonly observer: Observer;
}

export class RangeWatch {
  readonly #env: Env;
  readonly #observe: (range: RangeId) => Observer;
  readonly #watched = new Map<RangeId, Watched>();
  readonly #sweeper: Timer;

  constructor(env: Env, observe: (range: RangeId) => Observer) {
    this.#env = env;
    this.#observe = observe;
    this.#sweeper = every(env, WATCH.sweepMs, () => this.#sweep());
  }

  get size(): number {
    return this.#watched.size;
  }

  /** The range is being used. */
  use(range: RangeId): void {
    const watched = this.#watched.get(range);
    if (watched !== undefined) watched.used = true;
    else if (this.#watched.size < WATCH.rangesMax)
      this.#watched.set(range, { used: false, usedAt: this.#env.now(), observer: this.#observe(range) });
  }

  /** Reads the descriptor again, soon. False if it is not watched. */
  kick(range: RangeId): boolean {
    const watched = this.#watched.get(range);
    watched?.observer.kick();
    return watched !== undefined;
  }

  forget(range: RangeId): void {
    this.#watched.get(range)?.observer.close();
    this.#watched.delete(range);
  }

  close(): void {
    this.#sweeper.cancel();
    for (const range of [...this.#watched.keys()]) this.forget(range);
  }

  #sweep(): void {
    const now = this.#env.now();
    for (const [range, watched] of this.#watched) {
      if (watched.used) watched.usedAt = now;
      watched.used = false;
      if (now - watched.usedAt > WATCH.idleMs) this.forget(range);
    }
  }
}
