// What people read of a run: who did what when, in virtual time. Bounded: faults and verdicts stay, of the rest the newest
// lines. Beside it counters, so that a campaign can show that everything it can do has happened.

import type { Logger } from '../../../common/base/log.ts';
import type { Clock } from './clock.ts';

const LINES_MAX = 3_000;

interface Line {
  readonly at: number;
  readonly who: string;
  readonly text: string;
  readonly kept: boolean;
}

export class Story {
  readonly counters = new Map<string, number>();
  readonly #clock: Clock;
  #lines: Line[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  count(what: string, by = 1): void {
    this.counters.set(what, (this.counters.get(what) ?? 0) + by);
  }

  /** `kept`: stays however long the run is. */
  tell(who: string, text: string, kept = false): void {
    this.#lines.push({ at: this.#clock.now, who, text, kept });
    if (this.#lines.length > 2 * LINES_MAX) this.#trim();
  }

  /** A logger whose lines from `info` on are told. */
  logger(who: string, fields: object = {}): Logger {
    const line = (level: string) => (own: object, message: string) => {
      this.tell(who, `${level}${message} ${JSON.stringify({ ...fields, ...own })}`);
    };
    return {
      debug() {},
      info: line(''),
      warn: line('warning: '),
      error: line('error: '),
      child: (more) => this.logger(who, { ...fields, ...more }),
    };
  }

  text(lines: number): string {
    this.#trim();
    const first = this.#lines.length - lines;
    return this.#lines
      .filter(({ kept }, index) => kept || index >= first)
      .map(({ at, who, text }) => `${(at / 1000).toFixed(4).padStart(9)} s  ${who.padEnd(8)} ${text}`)
      .join('\n');
  }

  #trim(): void {
    const first = this.#lines.length - LINES_MAX;
    if (first > 0) this.#lines = this.#lines.filter(({ kept }, index) => kept || index >= first);
  }
}
