// Sends what all channels have gathered at the end of a turn of the event loop, in one task for all of them. A caller that knows
// that the turn's work is done can flush earlier.

import type { Env } from '../base/env.ts';

/** Something that gathers frames. */
export interface Gathered {
  flush(): void;
}

export class TurnEnd {
  readonly #env: Env;
  #waiting: Gathered[] = [];
  #due = false;

  constructor(env: Env) {
    this.#env = env;
  }

  /** Flushes `gathered` at the end of this turn. It must not be added again before that. */
  add(gathered: Gathered): void {
    this.#waiting.push(gathered);
    if (this.#due) return;
    this.#due = true;
    this.#env.soon(() => {
      this.#due = false;
      this.flush();
    });
  }

  /** Flushes now, in the order in which they were added. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const gathered of waiting) gathered.flush();
  }
}
