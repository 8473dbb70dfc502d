// R14: what an operation does to the state, as a table. The state before: a at revision 3, b at revision 5.

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
    const told =
      applied.outcome.kind === 'conflict'
        ? `conflict: ${formatBytes(applied.outcome.key)} is at ${applied.outcome.revision}`
        : `written, ${applied.outcome.deleted} deleted`;
    t.is(told, outcome);
    const done = applied.changes.map(({ key, value }) => {
      return `${formatBytes(key)}=${value === null ? '' : formatBytes(value)}`;
    });
    t.is(done.join(' '), changes);
  },
  title: (title = '') => title,
});

test('a put needs no state', applies, [put('x', '1')], 'written, 0 deleted', 'x=1');
test('a put at the right revision', applies, [put('a', '1', 3)], 'written, 0 deleted', 'a=1');
test('a put at another revision', applies, [put('a', '1', 2)], 'conflict: a is at 3', '');
test('create only, where the key exists', applies, [put('a', '1', 0)], 'conflict: a is at 3', '');
test('create only, where it does not', applies, [put('x', '1', 0)], 'written, 0 deleted', 'x=1');
test('a delete counts what existed', applies, [del('a'), del('x')], 'written, 1 deleted', 'a= x=');
test('a guarded delete of an absent key', applies, [del('x', 1)], 'conflict: x is at 0', '');
test(
  'a check that holds changes nothing',
  applies,
  [check('b', 5), put('x', '1')],
  'written, 0 deleted',
  'x=1',
);
test('one that fails stops all', applies, [put('x', '1'), check('b', 4)], 'conflict: b is at 5', '');
test(
  'conditions see the state before',
  applies,
  [del('a'), put('a', '1', 3)],
  'written, 1 deleted',
  'a= a=1',
);
