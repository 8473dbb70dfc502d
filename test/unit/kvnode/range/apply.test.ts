// R14: the effect of operations on the state, as a table. Before each operation key a is at revision 3 and key b at
// revision 5.

import test from 'ava';
import { formatBytes, toBytes } from '../../../../common/base/bytes.ts';
import type { Mutation } from '../../../../common/wire/messages.ts';
import { applyOperation } from '../../../../kvnode/range/apply.ts';

const revisions = new Map([
  ['a', 3],
  ['b', 5],
]);

const put = (key: string, value: string, ifRevision: number | null = null): Mutation => {
  return { kind: 'put', key: toBytes(key), value: toBytes(value), ifRevision };
};
const del = (key: string, ifRevision: number | null = null): Mutation => {
  return { kind: 'delete', key: toBytes(key), ifRevision };
};
const check = (key: string, ifRevision: number): Mutation => ({
  kind: 'check',
  key: toBytes(key),
  ifRevision,
});

const applies = test.macro({
  exec(t, mutations: readonly Mutation[], outcome: string, changes: string) {
    const state = {
      get(_: number, key: Uint8Array) {
        const revision = revisions.get(formatBytes(key));
        return revision === undefined ? undefined : { key, value: toBytes('old'), revision };
      },
    };
    const operation = { clientId: new Uint8Array(16), number: 1, doneBelow: 1, base: 0, mutations };
    const applied = applyOperation(state, 1, operation);
    const summary =
      applied.outcome.kind === 'conflict'
        ? `conflict: mutation ${applied.outcome.index} is at ${applied.outcome.revision}`
        : `written, ${applied.outcome.deleted} deleted`;
    t.is(summary, outcome);
    const done = applied.changes.map(({ key, value }) => {
      return `${formatBytes(key)}=${value === null ? '' : formatBytes(value)}`;
    });
    t.is(done.join(' '), changes);
  },
  title: (title = '') => title,
});

test('a put without a condition', applies, [put('x', '1')], 'written, 0 deleted', 'x=1');
test('a put at the right revision', applies, [put('a', '1', 3)], 'written, 0 deleted', 'a=1');
test('a put at another revision', applies, [put('a', '1', 2)], 'conflict: mutation 0 is at 3', '');
test('a create of a key that exists', applies, [put('a', '1', 0)], 'conflict: mutation 0 is at 3', '');
test('a create of an absent key', applies, [put('x', '1', 0)], 'written, 0 deleted', 'x=1');
test('a delete counts the keys that existed', applies, [del('a'), del('x')], 'written, 1 deleted', 'a= x=');
test('a conditional delete of an absent key', applies, [del('x', 1)], 'conflict: mutation 0 is at 0', '');
test(
  'a check that holds changes nothing',
  applies,
  [check('b', 5), put('x', '1')],
  'written, 0 deleted',
  'x=1',
);
test(
  'a condition that does not hold stops all mutations',
  applies,
  [put('x', '1'), check('b', 4)],
  'conflict: mutation 1 is at 5',
  '',
);
test(
  'conditions are checked against the state before the operation',
  applies,
  [del('a'), put('a', '1', 3)],
  'written, 1 deleted',
  'a= a=1',
);
