// One timer for many deadlines. It is set to the earliest one known and, when it fires, the owner walks what is waiting
// and says which deadline is next; a request that was answered long before costs nothing more.

import type { Env, Timer } from '../base/env.ts';

export class Deadlines {
  private readonly env: Env;
  private readonly expire: (now: number) => number | null;
  private timer: Timer | null = null;
  private at = Number.POSITIVE_INFINITY;

  /** `expire` ends everything due at `now` and gives the next deadline, null where nothing waits. */
  constructor(env: Env, expire: (now: number) => number | null) {
    this.env = env;
    this.expire = expire;
  }

  /** Something now waits until `deadline`, an instant of Env.now(). */
  add(deadline: number): void {
    if (deadline >= this.at) return;
    this.timer?.cancel();
    this.at = deadline;
    this.timer = this.env.after(Math.max(0, deadline - this.env.now()), () => this.fire());
  }

  cancel(): void {
    this.timer?.cancel();
    this.timer = null;
    this.at = Number.POSITIVE_INFINITY;
  }

  private fire(): void {
    this.at = Number.POSITIVE_INFINITY;
    this.timer = null;
    const next = this.expire(this.env.now());
    if (next !== null) this.add(next);
  }
}
