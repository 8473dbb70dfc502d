// The layers of tests that look for a mutant, the cheapest first, and what of each counts as found: the verdict of a named
// test or checker, or a broken invariant of the product by its words. Crashes and time-outs do not count.

import type { CampaignResult } from './campaign.ts';
import type { MutantTree } from './tree.ts';

export interface Finding {
  /** Null: nothing found. */
  readonly verdict: string | null;
  /** Seeds tried; null where the layer has none. */
  readonly seeds: number | null;
  /** What ended otherwise: crashes, time-outs. */
  readonly remark: string;
}

export interface LayerOptions {
  readonly seed: number;
  readonly walks: number;
  readonly simulations: number;
}

export interface Layer {
  readonly name: string;
  /** @param file the one that is broken; null: none */
  run(tree: MutantTree, options: LayerOptions, file: string | null): Promise<Finding>;
}

/** The unit tests of the part of the product that a file belongs to; the first prefix counts. */
const UNIT_TESTS: readonly (readonly [prefix: string, tests: string])[] = [
  ['kvnode/replica/', 'replica-stories,replica-log-index'],
  ['kvnode/storage/', 'storage-*'],
  ['kvnode/', 'node-*'],
  ['coordinator/', 'coordinator-*'],
  ['common/client/', 'client-*'],
  ['common/zk/', 'zk-*'],
];
const UNIT_MS = 180_000;
const CAMPAIGN_MS = 180_000;

const stories: Layer = {
  name: 'stories and tables',
  async run(tree, _, file) {
    const own = UNIT_TESTS.filter(([prefix]) => file === null || file.startsWith(prefix));
    const names = file === null ? own.map(([, tests]) => tests).join() : (own[0]?.[1] ?? '');
    const args = ['--tap', '-c', '2', `dist/test/unit/{${names},}.test.js`];
    const { output, timedOut } = await tree.run('node_modules/ava/entrypoints/cli.mjs', args, UNIT_MS);
    const failed = failedTests(output);
    const first = failed.find(({ isVerdict }) => isVerdict);
    const others = failed.filter(({ isVerdict }) => !isVerdict).length;
    const remark = [timedOut ? 'timed out' : '', others > 0 ? `${others} crashed` : ''].filter(Boolean);
    if (!/^(not )?ok /m.test(output)) remark.push('no test ran');
    return { verdict: first?.title ?? null, seeds: null, remark: remark.join(', ') };
  },
};

const walks: Layer = {
  name: 'replica walk',
  run: (tree, { seed, walks: count }) => campaign(tree, 'walk', seed, count),
};

const simulations: Layer = {
  name: 'simulator',
  run: (tree, { seed, simulations: count }) => campaign(tree, 'simulator', seed, count),
};

export const LAYERS: readonly Layer[] = [stories, walks, simulations];

async function campaign(tree: MutantTree, layer: string, seed: number, count: number): Promise<Finding> {
  const args = [layer, seed, count, CAMPAIGN_MS].map(String);
  const { output, timedOut } = await tree.run('dist/test/mutants/campaign.js', args, 2 * CAMPAIGN_MS);
  const line = output.trim().split('\n').at(-1) ?? '';
  if (timedOut || !line.startsWith('{')) {
    return { verdict: null, seeds: 0, remark: timedOut ? 'timed out' : 'the campaign crashed' };
  }
  const { verdict, seeds, crashes, crash }: CampaignResult = JSON.parse(line);
  const remark = crashes > 0 ? `${crashes} seeds crashed: ${crash}` : '';
  return { verdict: verdict === null ? null : verdict.text, seeds, remark };
}

interface FailedTest {
  readonly title: string;
  readonly isVerdict: boolean;
}

/** `not ok` lines of ava's TAP; what follows them says whether an assertion failed or something else was thrown. */
function failedTests(tap: string): readonly FailedTest[] {
  const lines = tap.split('\n');
  return lines.flatMap((line, at) => {
    const title = /^not ok \d+ - (.*)$/.exec(line)?.[1];
    if (title === undefined) return [];
    const details = lines.slice(at + 1, at + 8).join('\n');
    return [{ title, isVerdict: /name: AssertionError/.test(details) }];
  });
}
