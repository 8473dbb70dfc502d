// Runs seeds of one layer in a tree until a checker finds something or the time is over, and prints the result as one line of JSON.
// `npm run mutants` starts it in each broken copy. Other errors are reported separately, because a crash finds nothing.

import { realEnv } from '../../common/base/env.ts';
import { runSeed as simulate } from '../sim/run.ts';
import { walk } from '../support/replica-walk.ts';

/** What a campaign prints. */
export interface CampaignResult {
  /** Number of seeds tried. */
  readonly seeds: number;
  /** The text of the checker or assertion that found something, and the seed. */
  readonly verdict: { readonly seed: number; readonly text: string } | null;
  /** Number of seeds that ended with another error, and the first such error. */
  readonly crashes: number;
  readonly crash: string | null;
}

/** Returns what was found; null: nothing. Throws if the seed crashes. */
type RunSeed = (seed: number) => Promise<string | null>;

const OPERATIONS = 2_000;
const FAULTS = 20;

const LAYERS: Readonly<Record<string, RunSeed>> = {
  walk: async (seed) => {
    try {
      walk(seed);
      return null;
    } catch (error) {
      if (error instanceof Error && error.name === 'AssertionError') return error.message;
      throw error;
    }
  },
  simulator: async (seed) => {
    const { violations } = await simulate({ seed, operations: OPERATIONS, faults: FAULTS, only: null });
    return violations[0]?.split('\n')[0] ?? null;
  },
};

async function main([layer = '', first, count, budgetMs]: readonly string[]): Promise<void> {
  const runSeed = LAYERS[layer];
  if (runSeed === undefined) throw new Error(`no layer ${layer}`);
  const until = realEnv.now() + Number(budgetMs);
  let seeds = 0;
  let crashes = 0;
  let crash: string | null = null;
  let verdict: CampaignResult['verdict'] = null;
  for (; seeds < Number(count) && verdict === null && realEnv.now() < until; seeds++) {
    const seed = Number(first) + seeds;
    try {
      const text = await runSeed(seed);
      if (text !== null) verdict = { seed, text };
    } catch (error) {
      crashes++;
      crash ??= String(error);
    }
  }
  const result: CampaignResult = { seeds, verdict, crashes, crash };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

await main(process.argv.slice(2));
