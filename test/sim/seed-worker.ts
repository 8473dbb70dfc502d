// A process that runs seeds for a campaign (seed-runners.ts), one after the other, on request of its parent. It ends when its
// parent ends.

import { countersFor, type RuleCounters } from './rule-counters.ts';
import { type ReportOptions, reportSeed, type SeedReport } from './seed-report.ts';

export interface SeedOrder {
  readonly seed: number;
  readonly options: ReportOptions;
}

let rules: Promise<RuleCounters | undefined> | null = null;

async function execute({ seed, options }: SeedOrder): Promise<SeedReport> {
  rules ??= countersFor(options);
  return reportSeed(seed, options, await rules);
}

// Ctrl-C reaches all processes of the group, but the parent still needs the result of the current seed.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
process.on('message', (order: SeedOrder) => {
  execute(order).then(
    (report) => process.connected && process.send?.(report),
    (error) => {
      process.stderr.write(`seed ${order.seed}: ${error instanceof Error ? error.stack : error}\n`);
      process.exit(1);
    },
  );
});
