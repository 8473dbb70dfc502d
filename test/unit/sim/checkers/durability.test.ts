// Checker 3: final states that it must accept and ones that it must refuse.

import test from 'ava';
import { checkDurability, type FinalRow } from '../../../sim/checkers/durability.ts';
import type { Operation } from '../../../sim/history.ts';
import { get, history, put, remove, stale } from '../../../support/history-rows.ts';

const accepts = test.macro({
  exec(t, operations: readonly Operation[], rows: readonly FinalRow[]) {
    t.deepEqual(checkDurability(operations, rows), []);
  },
  title: (title) => `accepts ${title}`,
});

const refuses = test.macro({
  exec(t, operations: readonly Operation[], rows: readonly FinalRow[], why: RegExp) {
    const [first] = checkDurability(operations, rows);
    t.is(first?.checker, 'durability');
    t.regex(first?.text ?? '', why);
  },
  title: (title) => `refuses ${title}`,
});

const row = (key: string, value: string, revision: number): FinalRow => ({ key, value, revision });

test('nothing at all', accepts, history(), []);
test(
  'the newest write of each key',
  accepts,
  history(put('a', [0, 1], 'x', 'v1', 1), put('a', [2, 3], 'x', 'v2', 2), put('a', [4, 5], 'y', 'w', 3)),
  [row('x', 'v2', 2), row('y', 'w', 3)],
);
test(
  'a newer write of unknown outcome',
  accepts,
  history(put('a', [0, 1], 'x', 'v1', 1), put('a', [2, null], 'x', 'v2', 'unknown')),
  [row('x', 'v2', 7)],
);
test(
  'a delete, of known and of unknown outcome',
  accepts,
  history(
    put('a', [0, 1], 'x', 'v1', 1),
    remove('a', [2, 3], 'x', 2),
    put('a', [4, 5], 'y', 'w', 3),
    remove('a', [6, 7], 'y', 'unknown'),
  ),
  [],
);
test(
  'a value that was seen twice at its one revision',
  accepts,
  history(
    put('a', [0, 1], 'x', 'v1', 1),
    get('b', [2, 3], 'x', 'v1', 1),
    stale('c', [2, 3], 'x', 'v1', 1, 5),
  ),
  [row('x', 'v1', 1)],
);

test('a lost key', refuses, history(put('a', [0, 1], 'x', 'v1', 1)), [], /x is lost/);
test(
  'a key lost behind an older delete',
  refuses,
  history(remove('a', [0, 1], 'x', 1), put('a', [2, 3], 'x', 'v1', 2)),
  [],
  /x is lost/,
);
test(
  'an older value',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 1), put('a', [2, 3], 'x', 'v2', 2)),
  [row('x', 'v1', 1)],
  /2 is lost/,
);
test(
  'a deleted key that is back',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 1), remove('a', [2, 3], 'x', 2)),
  [row('x', 'v1', 1)],
  /2 is lost/,
);
test(
  'another value at the right revision',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 1)),
  [row('x', 'v9', 1)],
  /not what was written there/,
);
test(
  'a value of a write that failed',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 'failed')),
  [row('x', 'v1', 1)],
  /nobody wrote that/,
);
test('a key that nobody wrote', refuses, history(), [row('z', 'v', 4)], /nobody wrote that/);
test(
  'a row that is there twice',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 1)),
  [row('x', 'v1', 1), row('x', 'v1', 1)],
  /there twice/,
);
test(
  'an acknowledged write that took effect again after another one',
  refuses,
  history(
    put('a', [0, 1], 'x', 'v1', 1),
    put('a', [2, 3], 'x', 'v2', 2),
    get('b', [4, 5], 'x', 'v1', 3),
    put('a', [6, 7], 'x', 'v3', 4),
  ),
  [row('x', 'v3', 4)],
  /took effect at 1 and 3/,
);
test(
  'a write of unknown outcome that took effect twice',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 'unknown'), stale('b', [2, 3], 'x', 'v1', 1, null)),
  [row('x', 'v1', 2)],
  /took effect at 1 and 2/,
);
