// The list of mutants stays true to the sources: the text that each one replaces occurs there exactly once.

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

test('there are enough mutants, and each has a unique name', (t) => {
  t.true(MUTANTS.length >= 12);
  t.is(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
});
