// One timer for many deadlines. It is set to the earliest known one. When it fires, the caller ends what is due and says which
// deadline is next. So a request that is answered in time needs no timer of its own to be cancelled.

import type { Env, Timer } from '../base/env.ts';

export class Deadlines {
  readonly #env: Env;
  readonly #expire: (now: number) => number | null;
  #timer: Timer | null = null;
  #at = Number.POSITIVE_INFINITY;

  /** @param expire ends everything that is due at `now`, and returns the next deadline; null: nothing waits */
  constructor(env: Env, expire: (now: number) => number | null) {
    this.#env = env;
    this.#expire = expire;
  }

  /** Adds a deadline, an instant of Env.now(). */
  add(deadline: number): void {
    if (deadline >= this.#at) return;
    this.#timer?.cancel();
    this.#at = deadline;
    this.#timer = this.#env.after(Math.max(0, deadline - this.#env.now()), () => this.#fire());
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#at = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#at = Number.POSITIVE_INFINITY;
    this.#timer = null;
    const next = this.#expire(this.#env.now());
    if (next !== null) this.add(next);
  }
}
