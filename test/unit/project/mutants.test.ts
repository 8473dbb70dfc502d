// The list of mutants stays true to the sources: what each one replaces is there, once.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { MUTANTS } from '../../mutants/mutants.ts';
import { ROOT } from '../../support/source.ts';

for (const { name, file, text, replacement } of MUTANTS) {
  test(`${name}: its text occurs once`, (t) => {
    const source = readFileSync(join(ROOT, file), 'utf8');
    t.is(source.split(text).length - 1, 1);
    t.not(replacement, text);
  });
}

test('there are enough of them, each with a name of its own', (t) => {
  t.true(MUTANTS.length >= 12);
  t.is(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
});
