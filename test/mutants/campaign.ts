// Runs seeds of one layer in a tree, until a checker has a verdict or the budget is used up, and prints what came of it as
// one line of JSON: the mutants' command starts it in each broken copy. What is thrown without being a verdict is said apart:
// a crash finds nothing.

import { realEnv } from '../../common/base/env.ts';
import { runSeed as simulate } from '../sim/run.ts';
import { walk } from '../support/replica-walk.ts';

/** What a campaign prints. */
export interface CampaignResult {
  /** Tried. */
  readonly seeds: number;
  /** The name and words of the checker or assertion that found something, and the seed. */
  readonly verdict: { readonly seed: number; readonly text: string } | null;
  /** Seeds that crashed in another way, and the first such crash. */
  readonly crashes: number;
  readonly crash: string | null;
}

/** Null: nothing found. Throws where a seed crashes. */
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
