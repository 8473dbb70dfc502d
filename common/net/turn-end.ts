// Everything that channels have gathered leaves together at the end of a turn of the event loop: one task for all of them,
// not one each. Who knows that the turn's work is done need not wait for that.

import type { Env } from '../base/env.ts';

/** Has gathered something. */
export interface Gathered {
  flush(): void;
}

export class TurnEnd {
  private readonly env: Env;
  private waiting: Gathered[] = [];
  private due = false;

  constructor(env: Env) {
    this.env = env;
  }

  /** `gathered` is flushed at the end of this turn; it is added once until then. */
  add(gathered: Gathered): void {
    this.waiting.push(gathered);
    if (this.due) return;
    this.due = true;
    this.env.soon(() => {
      this.due = false;
      this.flush();
    });
  }

  /** Now, in the order in which they were added. */
  flush(): void {
    const { waiting } = this;
    if (waiting.length === 0) return;
    this.waiting = [];
    for (const gathered of waiting) gathered.flush();
  }
}
