// The table of the rules' branches stays true to the product: each is found there, and is counted when it is taken.

import test from 'ava';
import { endOf, findSpot, RuleCounters } from '../sim/rule-counters.ts';
import { BRANCHES, WALKED } from '../sim/rules.ts';

test('every branch is found once in the product', (t) => {
  for (const branch of BRANCHES) t.notThrows(() => findSpot(branch), branch.name);
});

test('every rule has branches', (t) => {
  const rules = new Set(BRANCHES.map(({ name }) => name.split(' ')[0]));
  t.deepEqual(
    [...rules],
    Array.from({ length: 14 }, (_, index) => `R${index + 1}`),
  );
  t.is(new Set(BRANCHES.map(({ name }) => name)).size, BRANCHES.length);
});

test('a place is found whatever its spaces, and only where it is there once', (t) => {
  const source = 'if (a)\n    return 1;\nif (b) return 2;';
  t.is(endOf('if (a) return 1;', source, 'file'), source.indexOf(';'));
  t.throws(() => endOf('return', source, 'file'), { message: /not once/ });
  t.throws(() => endOf('return 3', source, 'file'), { message: /not once/ });
});

test.serial(
  'what runs is counted, since the last time; a walk takes the branches that no campaign has to',
  async (t) => {
    const rules = new RuleCounters();
    await rules.start();
    // Not before: what was compiled before the counters began is not counted.
    const { applyOperation } = await import('../../kvnode/apply.ts');
    const write = (ifRevision: number) =>
      applyOperation({ get: () => undefined }, 1, {
        clientId: new Uint8Array(16),
        number: 1,
        doneBelow: 1,
        base: 0,
        mutations: [{ kind: 'check', key: Uint8Array.of(1), ifRevision }],
      });
    for (const ifRevision of [0, 7, 7]) write(ifRevision);
    const first = await rules.take();
    t.is(first.get('R14 a condition does not hold'), 2);
    t.is(first.get('R14 a condition holds'), 1);
    t.is(first.get('R1 an epoch is entered'), 0);
    write(0);
    const second = await rules.take();
    t.is(second.get('R14 a condition does not hold'), 0);
    t.is(second.get('R14 a condition holds'), 1);
    const { walk } = await import('../support/replica-walk.ts');
    for (let seed = 1; seed <= 20; seed++) walk(seed);
    const walked = await rules.take();
    for (const branch of WALKED) t.true((walked.get(branch) ?? 0) > 0, branch);
  },
);
