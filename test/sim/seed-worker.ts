// A process that runs seeds for a campaign (seed-runners.ts), one after the other, as its parent asks. It ends with its
// parent.

import { countersFor, type RuleCounters } from './rule-counters.ts';
import { type ReportOptions, reportSeed, type SeedReport } from './seed-report.ts';

export interface SeedOrder {
  readonly seed: number;
  readonly options: ReportOptions;
}

let rules: Promise<RuleCounters | undefined> | null = null;

async function carryOut({ seed, options }: SeedOrder): Promise<SeedReport> {
  rules ??= countersFor(options);
  return reportSeed(seed, options, await rules);
}

// Ctrl-C reaches the whole group; the parent wants the seed that is under way.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
process.on('message', (order: SeedOrder) => {
  carryOut(order).then(
    (report) => process.connected && process.send?.(report),
    (error) => {
      process.stderr.write(`seed ${order.seed}: ${error instanceof Error ? error.stack : error}\n`);
      process.exit(1);
    },
  );
});
