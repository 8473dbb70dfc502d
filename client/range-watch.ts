// Which descriptors are watched: those used in the last minute, at most so many. A watch costs ZooKeeper memory and every
// reconnect a packet, so a client of a large cluster watches what it talks to, and learns the rest from nodes' answers.

import { type Env, every, type Timer } from '../common/base/env.ts';
import type { RangeId } from '../common/model/ids.ts';
import type { Observer } from '../common/zk/store.ts';

export const WATCH = { idleMs: 60_000, sweepMs: 10_000, rangesMax: 1_000 } as const;

interface Watched {
  /** Since the last sweep, which then notes when that was: a use costs no look at the clock. */
  used: boolean;
  usedAt: number;
  readonly observer: Observer;
}

export class RangeWatch {
  private readonly env: Env;
  private readonly observe: (range: RangeId) => Observer;
  private readonly watched = new Map<RangeId, Watched>();
  private readonly sweeper: Timer;

  constructor(env: Env, observe: (range: RangeId) => Observer) {
    this.env = env;
    this.observe = observe;
    this.sweeper = every(env, WATCH.sweepMs, () => this.sweep());
  }

  get size(): number {
    return this.watched.size;
  }

  /** The range is being used. */
  use(range: RangeId): void {
    const watched = this.watched.get(range);
    if (watched !== undefined) watched.used = true;
    else if (this.watched.size < WATCH.rangesMax)
      this.watched.set(range, { used: false, usedAt: this.env.now(), observer: this.observe(range) });
  }

  /** Reads the descriptor again, soon; false where it is not watched. */
  kick(range: RangeId): boolean {
    const watched = this.watched.get(range);
    watched?.observer.kick();
    return watched !== undefined;
  }

  forget(range: RangeId): void {
    this.watched.get(range)?.observer.close();
    this.watched.delete(range);
  }

  close(): void {
    this.sweeper.cancel();
    for (const range of [...this.watched.keys()]) this.forget(range);
  }

  private sweep(): void {
    const now = this.env.now();
    for (const [range, watched] of this.watched) {
      if (watched.used) watched.usedAt = now;
      watched.used = false;
      if (now - watched.usedAt > WATCH.idleMs) this.forget(range);
    }
  }
}
