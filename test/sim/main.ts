// `npm run sim -- --seeds N --seed S`: a campaign of the simulator, or one seed again.

import { realEnv } from '../../common/base/env.ts';
import { type RunResult, runSeed } from './run.ts';

const USAGE =
  'sim [--seed S] [--seeds N] [--budget-ms MS] [--operations N] [--faults N] [--story LINES] [--key KEY] [--verbose]';

interface Arguments {
  readonly seed: number;
  readonly seeds: number;
  readonly budgetMs: number;
  readonly operations: number;
  readonly faults: number;
  readonly story: number;
  readonly verbose: boolean;
  /** Show all that touched it. */
  readonly key: string | null;
}

function parse(argv: readonly string[]): Arguments {
  const values = new Map<string, number>();
  const names = ['--seed', '--seeds', '--budget-ms', '--operations', '--faults', '--story'];
  let verbose = false;
  let key: string | null = null;
  for (let at = 0; at < argv.length; at++) {
    const name = argv[at] ?? '';
    if (name === '--verbose') {
      verbose = true;
      continue;
    }
    if (name === '--key') {
      key = argv[++at] ?? null;
      continue;
    }
    const value = Number(argv[++at]);
    if (!names.includes(name) || !Number.isSafeInteger(value) || value < 0)
      throw new Error(`usage: ${USAGE}`);
    values.set(name, value);
  }
  const seed = values.get('--seed') ?? Math.floor(realEnv.random() * 2 ** 31);
  return {
    seed,
    seeds: values.get('--seeds') ?? (values.has('--budget-ms') ? Number.POSITIVE_INFINITY : 1),
    budgetMs: values.get('--budget-ms') ?? Number.POSITIVE_INFINITY,
    operations: values.get('--operations') ?? 2_000,
    faults: values.get('--faults') ?? 20,
    story: values.get('--story') ?? 200,
    verbose,
    key,
  };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function report(result: RunResult, { operations, faults, story, verbose, key }: Arguments): void {
  const { seed, trace, virtualMs, events, violations } = result;
  if (verbose || violations.length > 0) {
    const virtual = (virtualMs / 1000).toFixed(1);
    say(
      `seed ${seed}: trace ${trace}, ${virtual} virtual s, ${events} events, ${result.operations} operations`,
    );
  }
  if (key !== null) for (const line of result.ofKey(key)) say(line);
  if (verbose && violations.length === 0) say(result.story(story));
  if (violations.length === 0) return;
  say(result.story(story));
  for (const violation of violations.slice(0, 10)) say(`FAILED  ${violation}`);
  say(`again:  npm run sim -- --seed ${seed} --operations ${operations} --faults ${faults}`);
}

async function main(): Promise<void> {
  const options = parse(process.argv.slice(2));
  const begun = realEnv.now();
  const counters = new Map<string, number>();
  const failed: number[] = [];
  let seeds = 0;
  let virtualMs = 0;
  let operations = 0;
  say(`seeds from ${options.seed}`);
  for (; seeds < options.seeds && realEnv.now() - begun < options.budgetMs; seeds++) {
    const result = await runSeed({ ...options, seed: options.seed + seeds });
    for (const [what, count] of result.counters) counters.set(what, (counters.get(what) ?? 0) + count);
    virtualMs += result.virtualMs;
    operations += result.operations;
    report(result, options);
    if (result.violations.length > 0) failed.push(result.seed);
  }
  for (const [what, count] of [...counters].sort(([a], [b]) => (a < b ? -1 : 1)))
    say(`  ${what.padEnd(32)} ${count}`);
  const minutes = (realEnv.now() - begun) / 60_000;
  say(
    `${seeds} seeds from ${options.seed}, ${operations} operations, ${(virtualMs / 3_600_000).toFixed(2)} virtual hours ` +
      `in ${minutes.toFixed(2)} min (${(seeds / minutes).toFixed(0)} seeds a minute): ${failed.length} failed` +
      (failed.length > 0 ? `: ${failed.join(' ')}` : ''),
  );
  if (failed.length > 0) process.exitCode = 1;
}

await main();
