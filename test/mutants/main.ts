// `npm run mutants [-- --only TEXT] [--from TEXT] [--seed S] [--walks N] [--simulations N]`: breaks a copy of the product in one
// line at a time and shows which layer of tests finds it, by which verdict, after how many seeds. The unbroken copy must pass
// the same seeds. Exit code 0: all found, and nothing found in what is not broken.

import { parseArgs } from 'node:util';
import { realEnv } from '../../common/base/env.ts';
import { ROOT } from '../support/source.ts';
import { type Finding, LAYERS, type LayerOptions } from './layers.ts';
import type { Mutant } from './mutant.ts';
import { MUTANTS } from './mutants.ts';
import { MutantTree } from './tree.ts';

interface Row {
  readonly name: string;
  readonly layer: string;
  readonly finding: Finding;
}

export async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string' },
      from: { type: 'string' },
      seed: { type: 'string' },
      walks: { type: 'string' },
      simulations: { type: 'string' },
    },
  });
  const options: LayerOptions = {
    seed: Number(values.seed ?? Math.floor(realEnv.random() * 2 ** 31)),
    walks: Number(values.walks ?? 400),
    simulations: Number(values.simulations ?? 20),
  };
  const chosen = chosenMutants(values.only ?? '', values.from ?? '');
  say(`seeds from ${options.seed}`);
  const tree = new MutantTree(ROOT);
  try {
    await tree.compile();
    const sound = await unbroken(tree, options);
    const rows: Row[] = [];
    for (const mutant of chosen) rows.push(await hunt(tree, mutant, options));
    const survivors = rows.filter(({ finding }) => finding.verdict === null);
    say(`${rows.length - survivors.length} of ${rows.length} found`);
    return sound && survivors.length === 0 ? 0 : 1;
  } finally {
    tree.remove();
  }
}

/** The mutants with `only` in their names, beginning with the first one that has `from` in its name. */
function chosenMutants(only: string, from: string): readonly Mutant[] {
  const begin = MUTANTS.findIndex(({ name }) => name.includes(from));
  if (begin < 0) throw new Error(`no mutant is named ${from}`);
  return MUTANTS.slice(begin).filter(({ name }) => name.includes(only));
}

async function unbroken(tree: MutantTree, options: LayerOptions): Promise<boolean> {
  let sound = true;
  for (const layer of LAYERS) {
    const finding = await layer.run(tree, options, null);
    sound &&= finding.verdict === null && finding.remark === '';
    report({ name: '(nothing broken)', layer: layer.name, finding });
  }
  return sound;
}

/** Runs one layer after the other until one of them finds the mutant. */
async function hunt(tree: MutantTree, mutant: Mutant, options: LayerOptions): Promise<Row> {
  return tree.broken(mutant, async () => {
    let row: Row | null = null;
    for (const layer of LAYERS) {
      row = { name: mutant.name, layer: layer.name, finding: await layer.run(tree, options, mutant.file) };
      report(row);
      if (row.finding.verdict !== null) return row;
    }
    return row ?? Promise.reject(new Error('there is no layer'));
  });
}

function report({ name, layer, finding: { verdict, seeds, remark } }: Row): void {
  const found = verdict === null ? 'not found' : `FOUND by: ${verdict}`;
  const after = seeds === null ? '' : ` after ${seeds} seeds`;
  const besides = remark === '' ? '' : ` (${remark})`;
  say(`${name.padEnd(52)} ${layer.padEnd(20)} ${found}${after}${besides}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
