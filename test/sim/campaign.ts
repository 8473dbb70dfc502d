// The sum of all seeds of a campaign: how often each thing has happened, and what has never happened.

import { DECISIONS } from './coordinator-process.ts';
import { DAMAGED } from './disk-damage.ts';
import { FAULT_KINDS } from './fault-kinds.ts';
import { BRANCHES, GUARDS } from './rules.ts';
import type { ReportOptions, SeedReport } from './seed-report.ts';

/** Counters that must not be 0 at the end of a campaign. */
const FAULTS = [
  ...FAULT_KINDS.map(({ name }) => `fault ${name}`),
  ...DAMAGED,
  ...DECISIONS.map(([counter]) => counter),
  'fault clocks-drift',
  'guardian closed',
  'guardian unreachable',
  'message-doubled-on-next-connection',
  'noted unreachable',
  'noted cut off',
  'replaced on a live node',
  'zookeeper-restored',
  'epoch-raised',
  'event: replica ahead of ZooKeeper',
];
const RULES = BRANCHES.filter(({ name }) => !GUARDS.includes(name)).map(({ name }) => `rule ${name}`);

export class Campaign {
  readonly failed: SeedReport[] = [];
  readonly #expected: readonly string[];
  readonly #counters = new Map<string, number>();
  #seeds = 0;
  #operations = 0;
  #virtualMs = 0;

  constructor({ countRules }: ReportOptions) {
    this.#expected = countRules ? [...FAULTS, ...RULES] : FAULTS;
  }

  add(report: SeedReport): void {
    const { counters, operations, virtualMs } = report;
    for (const [what, count] of counters) this.#counters.set(what, (this.#counters.get(what) ?? 0) + count);
    this.#seeds++;
    this.#operations += operations;
    this.#virtualMs += virtualMs;
    if (report.checker !== null) this.failed.push(report);
  }

  get unfired(): readonly string[] {
    return this.#expected.filter((what) => (this.#counters.get(what) ?? 0) === 0);
  }

  /** How often each thing has happened, what has never happened, and one line of totals. */
  summary(tookMs: number, verbose: boolean): string {
    const minutes = tookMs / 60_000;
    const counters = [...this.#counters]
      .filter(([what]) => verbose || !what.startsWith('rule '))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const hours = (this.#virtualMs / 3_600_000).toFixed(2);
    return [
      ...counters.map(([what, count]) => `  ${what.padEnd(32)} ${count}`),
      `${this.#expected.length - this.unfired.length} of ${this.#expected.length} faults and branches of the rules occurred; never:`,
      ...this.unfired.map((what) => `  ${what}`),
      `${this.#seeds} seeds, ${this.#operations} operations, ${hours} virtual hours in ${minutes.toFixed(2)} min ` +
        `(${(this.#seeds / minutes).toFixed(0)} seeds a minute): ${this.failed.length} failed ${this.failed.map(({ seed }) => seed).join(' ')}`,
    ].join('\n');
  }
}
