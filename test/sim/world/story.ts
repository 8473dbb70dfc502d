// The story of a run for people: what happened when, in virtual time. It is bounded: lines about faults and violations stay, of
// the others only the newest. Counters beside it show whether each thing that can happen has happened.

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

  /** Adds a line. @param kept the line stays, however long the run is */
  record(who: string, text: string, kept = false): void {
    this.#lines.push({ at: this.#clock.now, who, text, kept });
    if (this.#lines.length > 2 * LINES_MAX) this.#trim();
  }

  /** A logger that adds its lines, from level `info` on, to the story. */
  logger(who: string, fields: object = {}): Logger {
    const line = (level: string) => (own: object, message: string) => {
      this.record(who, `${level}${message} ${JSON.stringify({ ...fields, ...own })}`);
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
