// The layers of tests that try to find a mutant, the cheapest first. A mutant is found by the verdict of a test or checker, or by a
// broken invariant of the product. Crashes and time-outs do not count.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CampaignResult } from './campaign.ts';
import type { MutantTree } from './tree.ts';

export interface Finding {
  /** The test, checker or invariant that found the mutant; null: none did. */
  readonly verdict: string | null;
  /** Number of seeds tried; null: the layer has no seeds. */
  readonly seeds: number | null;
  /** Crashes and time-outs. */
  readonly remark: string;
}

export interface LayerOptions {
  readonly seed: number;
  readonly walks: number;
  readonly simulations: number;
}

export interface Layer {
  readonly name: string;
  /** @param file the broken file; null: none is broken */
  run(tree: MutantTree, options: LayerOptions, file: string | null): Promise<Finding>;
}

/** The unit tests of a part of the product lie in folders of the same names; the first prefix counts. */
const UNIT_TESTS: readonly (readonly [prefix: string, tests: readonly string[]])[] = [
  ['kvnode/replica/', ['kvnode/replica']],
  ['kvnode/scrub/', ['kvnode/scrub']],
  ['kvnode/storage/', ['kvnode/storage', 'kvnode/zk/generation']],
  [
    'kvnode/range/',
    [
      ...[
        'kvnode/catch-up',
        'kvnode/health',
        'kvnode/process',
        'kvnode/range',
        'kvnode/snapshot',
        'kvnode/zk',
      ],
      'sim/split-in-doubt',
    ],
  ],
  [
    'kvnode/',
    ['kvnode/catch-up', 'kvnode/health', 'kvnode/process', 'kvnode/range', 'kvnode/snapshot', 'kvnode/zk'],
  ],
  ['coordinator/', ['coordinator']],
  ['client/', ['client']],
  ['common/zk/', ['zk']],
  ['common/process/', ['process']],
  ['common/net/', ['net']],
  ['common/wire/', ['wire']],
  ['common/model/raise-epochs', ['coordinator/raise-epochs', 'client/raise-epochs']],
  ['common/model/', ['model']],
];
const UNIT_FOLDER = 'dist/test/unit';
const UNIT_MS = 180_000;
const CAMPAIGN_MS = 180_000;

const stories: Layer = {
  name: 'stories and tables',
  async run(tree, _, file) {
    const own = UNIT_TESTS.filter(([prefix]) => file === null || file.startsWith(prefix));
    const begins = (file === null ? own : own.slice(0, 1)).flatMap(([, tests]) => tests);
    const remarks: string[] = [];
    for (const tests of testFiles(tree, begins)) {
      const { verdict, remark } = await testsIn(tree, tests);
      if (verdict !== null) return { verdict, seeds: null, remark };
      if (remark !== '') remarks.push(`${tests}: ${remark}`);
    }
    return { verdict: null, seeds: null, remark: remarks.join('; ') };
  },
};

function testFiles(tree: MutantTree, begins: readonly string[]): readonly string[] {
  return readdirSync(join(tree.root, UNIT_FOLDER), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js') && begins.some((begin) => name.startsWith(begin)))
    .sort();
}

/** Runs each test file by itself: a crash that ava cannot report ends ava, and with it the tests of other files. */
async function testsIn(tree: MutantTree, tests: string): Promise<Omit<Finding, 'seeds'>> {
  const args = ['--tap', `${UNIT_FOLDER}/${tests}`];
  const { output, timedOut } = await tree.run('node_modules/ava/entrypoints/cli.mjs', args, UNIT_MS);
  const failed = failedTests(output);
  const first = failed.find(({ isVerdict }) => isVerdict);
  const others = failed.filter(({ isVerdict }) => !isVerdict).length;
  const remark = [
    timedOut ? 'timed out' : '',
    others > 0 ? `${others} crashed` : '',
    /^# tests /m.test(output) || timedOut ? '' : 'ava did not finish',
  ];
  const verdict = first === undefined ? null : `${tests.slice(0, -'.test.js'.length)} › ${first.title}`;
  return { verdict, remark: remark.filter(Boolean).join(', ') };
}

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

/** The failed tests in ava's TAP output. The lines after `not ok` say whether an assertion failed or another error was thrown. */
function failedTests(tap: string): readonly FailedTest[] {
  const lines = tap.split('\n');
  return lines.flatMap((line, at) => {
    const title = /^not ok \d+ - (.*)$/.exec(line)?.[1];
    if (title === undefined) return [];
    const details = lines.slice(at + 1, at + 8).join('\n');
    return [{ title, isVerdict: /name: AssertionError/.test(details) }];
  });
}
