// Counts what an import or an export has done. Shows progress on a terminal, and the counts at the end.

import { type Env, every } from '../../common/base/env.ts';
import { EXIT } from '../../common/process/exit.ts';
import { type Answer, counts, number } from '../answer.ts';
import type { Screen } from '../screen.ts';

/** How many refusals are reported one by one. The others are only counted. */
const REPORTED_MAX = 20;
const PROGRESS_MS = 250;

export interface TallyOptions {
  readonly env: Env;
  readonly screen: Screen;
  readonly verb: 'imported' | 'exported';
  /** Which part of the input has been read, from 0 to 1; null, or no function: not known. */
  readonly portion?: () => number | null;
  /** Default true. Rows that go to a terminal show it themselves, and would mix with it. */
  readonly showsProgress?: boolean;
}

export class Tally {
  rows = 0;
  bytes = 0;
  retried = 0;
  readonly refused = new Map<string, number>();
  readonly skipped = new Map<string, number>();
  readonly #env: Env;
  readonly #screen: Screen;
  readonly #verb: string;
  readonly #portion: () => number | null;
  readonly #showsProgress: boolean;
  readonly #startedAt: number;
  #reported = 0;
  /** The error of the last retry; null once a row succeeds. */
  #trouble: string | null = null;

  constructor({ env, screen, verb, portion, showsProgress }: TallyOptions) {
    this.#env = env;
    this.#screen = screen;
    this.#verb = verb;
    this.#portion = portion ?? (() => null);
    this.#showsProgress = showsProgress ?? true;
    this.#startedAt = env.now();
  }

  get refusals(): number {
    return sum(this.refused);
  }

  done(bytes: number): void {
    this.rows += 1;
    this.bytes += bytes;
    this.#trouble = null;
  }

  retry(trouble: string): void {
    this.retried += 1;
    this.#trouble = trouble;
  }

  refuse(reason: string, from: string): void {
    bump(this.refused, reason);
    this.#reported += 1;
    if (this.#reported <= REPORTED_MAX) this.#screen.say(`refused: ${from}: ${reason}`);
    if (this.#reported === REPORTED_MAX + 1)
      this.#screen.say('refused: more rows; from here on they are only counted');
  }

  skip(what: string): void {
    bump(this.skipped, what);
  }

  /** Runs `work`. Shows how far it is while it runs, and writes a line at the end, also if it fails. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const ticking = every(this.#env, PROGRESS_MS, () => {
      if (this.#showsProgress) this.#screen.status(this.#progress(this.#percent()));
    });
    try {
      return await work();
    } finally {
      ticking.cancel();
      this.#screen.say(this.#progress([]));
    }
  }

  /** Rows that were read may still be on their way, so it is never 100 while the import runs. */
  #percent(): readonly string[] {
    const portion = this.#portion();
    return portion === null ? [] : [`${Math.min(99, Math.floor(portion * 100))} %`];
  }

  #progress(percent: readonly string[]): string {
    const seconds = this.#seconds();
    const rate = seconds === 0 ? 0 : Math.round(this.rows / seconds);
    const rows = `${this.#verb} ${grouped(this.rows)} rows`;
    const parts = [rows, ...percent, size(this.bytes), `${grouped(rate)} rows/s`];
    if (this.refusals > 0) parts.push(`${grouped(this.refusals)} refused`);
    if (this.retried > 0) parts.push(`${grouped(this.retried)} retries`);
    return parts.join(', ') + (this.#trouble === null ? '' : `; waiting: ${this.#trouble}`);
  }

  #seconds(): number {
    return (this.#env.now() - this.#startedAt) / 1_000;
  }

  /** The counts. The exit code is 0 only if nothing was refused. */
  answer(): Answer {
    const seconds = Math.round(this.#seconds() * 10) / 10;
    const lines = [
      `${this.#verb} ${this.rows} rows, ${this.bytes} bytes of values, in ${seconds} s`,
      `refused ${this.refusals}${reasons(this.refused)}`,
      ...(this.skipped.size === 0 ? [] : [`skipped ${sum(this.skipped)}${reasons(this.skipped)}`]),
      `retried ${this.retried}`,
    ];
    return {
      kind: 'record',
      columns: [this.#verb, 'bytes', 'refused', 'refusedBy', 'skipped', 'retried', 'seconds'].map((name) => ({
        name,
      })),
      row: [
        number(this.rows),
        number(this.bytes),
        number(this.refusals),
        counts(Object.fromEntries(this.refused)),
        counts(Object.fromEntries(this.skipped)),
        number(this.retried),
        number(seconds),
      ],
      text: lines.join('\n'),
      exit: this.refusals === 0 ? EXIT.ok : EXIT.failed,
    };
  }
}

function bump(map: Map<string, number>, name: string): void {
  map.set(name, (map.get(name) ?? 0) + 1);
}

function sum(map: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of map.values()) total += count;
  return total;
}

function reasons(map: ReadonlyMap<string, number>): string {
  if (map.size === 0) return '';
  return ` (${[...map].map(([reason, count]) => `${count} ${reason}`).join(', ')})`;
}

function grouped(number: number): string {
  return number.toLocaleString('en-US');
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
