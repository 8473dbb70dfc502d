// Checker 2 on histories that it must accept and on ones that it must refuse. The revisions in the rows are names only:
// where they matter, a condition says so.

import test from 'ava';
import { checkLinearizability } from '../../../sim/checkers/linearizability.ts';
import type { HistoryMutation, Operation } from '../../../sim/history.ts';
import { batch, get, history, put, remove, stale } from '../../../support/history-rows.ts';

const accepts = test.macro({
  exec(t, operations: readonly Operation[]) {
    t.deepEqual(checkLinearizability(operations), []);
  },
  title: (title) => `accepts ${title}`,
});

const refuses = test.macro({
  exec(t, operations: readonly Operation[]) {
    const [first] = checkLinearizability(operations);
    t.is(first?.checker, 'linearizability');
    t.regex(first?.text ?? '', /no order explains/);
  },
  title: (title) => `refuses ${title}`,
});

const both = (x: string, y: string): readonly HistoryMutation[] => [
  { kind: 'put', key: 'x', value: x, ifRevision: null },
  { kind: 'put', key: 'y', value: y, ifRevision: null },
];

test('nothing at all', accepts, history());
test(
  'overlapping writes in the order that reads show',
  accepts,
  history(
    put('a', [0, 9], 'x', 'v1', 1),
    put('b', [1, 4], 'x', 'v2', 2),
    get('c', [5, 6], 'x', 'v2', 2),
    get('c', [10, 11], 'x', 'v2', 2),
  ),
);
test(
  'a write that takes effect before a later one returns, as a read shows',
  accepts,
  history(
    put('a', [0, 9], 'x', 'v1', 1),
    get('b', [1, 2], 'x', 'v1', 1),
    put('b', [3, 4], 'x', 'v2', 2),
    get('c', [10, 11], 'x', 'v2', 2),
  ),
);
test(
  'revisions that make no sense, because they are not checked',
  accepts,
  history(put('a', [0, 1], 'x', 'v1', 9), put('a', [2, 3], 'x', 'v2', 3), get('b', [4, 5], 'x', 'v2', 7)),
);
test(
  'a write of unknown outcome that shows long after',
  accepts,
  history(
    put('a', [0, 1], 'x', 'v1', 'unknown'),
    put('b', [2, 3], 'x', 'v2', 2),
    get('b', [4, 5], 'x', 'v2', 2),
    get('c', [6, 7], 'x', 'v1', 3),
  ),
);
test(
  'unknown writes of two keys that one batch needs both of',
  accepts,
  history(
    put('a', [0, null], 'x', 'x1', 'unknown'),
    put('b', [1, null], 'y', 'y1', 'unknown'),
    batch(
      'c',
      [6, 7],
      both('x2', 'y2').map((mutation) => ({ ...mutation, ifRevision: 5 })),
      8,
    ),
  ),
);
test(
  'an unknown delete that an unknown creation needs, as a read shows',
  accepts,
  history(
    put('a', [0, 1], 'x', 'v1', 1),
    remove('b', [2, null], 'x', 'unknown'),
    put('c', [3, null], 'x', 'v2', 'unknown', { ifRevision: 0 }),
    get('r', [4, 5], 'x', 'v2', 3),
  ),
);
test(
  'an unknown batch, half of which is overwritten by a later write',
  accepts,
  history(
    batch('a', [0, null], both('x1', 'y1'), 'unknown'),
    put('b', [1, 9], 'x', 'x2', 2),
    get('r', [10, 11], 'y', 'y1', 1),
    get('r', [12, 13], 'x', 'x2', 2),
    get('r', [14, 15], 'y', 'y1', 1),
    get('r', [16, 17], 'x', 'x2', 2),
  ),
);

test(
  'a write of unknown outcome that never shows',
  accepts,
  history(put('a', [0, null], 'x', 'v1', 'unknown'), get('b', [4, 5], 'x', null, 0)),
);
test(
  'conditions, a conflict, a delete and a new creation',
  accepts,
  history(
    put('a', [0, 1], 'x', 'v1', 1, { ifRevision: 0 }),
    put('a', [2, 3], 'x', 'v2', 2, { ifRevision: 1 }),
    put('b', [4, 5], 'x', 'v3', { conflict: 2 }, { ifRevision: 1 }),
    remove('b', [6, 7], 'x', 3, { ifRevision: 2, existed: true }),
    remove('b', [8, 9], 'x', 4, { existed: false }),
    put('a', [10, 11], 'x', 'v4', 5, { ifRevision: 0 }),
  ),
);
test(
  'one of two conditional writes that race',
  accepts,
  history(
    put('a', [0, 1], 'x', 'v1', 1),
    put('a', [2, 5], 'x', 'v2', 2, { ifRevision: 1 }),
    put('b', [3, 6], 'x', 'v3', { conflict: 2 }, { ifRevision: 1 }),
  ),
);
test(
  'a condition on what a write of unknown outcome has left',
  accepts,
  history(
    put('a', [0, 1], 'x', 'v1', 'unknown'),
    put('b', [2, 3], 'x', 'v2', { conflict: 1 }, { ifRevision: 0 }),
    put('b', [4, 5], 'x', 'v3', 2, { ifRevision: 1 }),
  ),
);
test(
  'a batch seen as a whole',
  accepts,
  history(
    batch('a', [0, 9], both('x1', 'y1'), 1),
    get('b', [1, 2], 'x', null, 0),
    get('b', [3, 4], 'y', 'y1', 1),
    get('b', [5, 6], 'x', 'x1', 1),
  ),
);
test(
  'stale answers of replicas, because they are not checked',
  accepts,
  history(put('a', [0, 1], 'x', 'v1', 1), stale('b', [2, 3], 'x', null, 0, 500)),
);

test(
  'a read of a value that was overwritten before',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 1), put('a', [2, 3], 'x', 'v2', 2), get('b', [4, 5], 'x', 'v1', 1)),
);
test('a lost write', refuses, history(put('a', [0, 1], 'x', 'v1', 1), get('b', [2, 3], 'x', null, 0)));
test('a value that nobody wrote', refuses, history(get('b', [2, 3], 'x', 'v1', 1)));
test(
  'a value of a write that failed',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 'failed'), get('b', [2, 3], 'x', 'v1', 1)),
);
test(
  'two readers who disagree about the order of two writes',
  refuses,
  history(
    put('a', [0, 20], 'x', 'v1', 1),
    put('b', [1, 21], 'x', 'v2', 2),
    get('c', [2, 3], 'x', 'v1', 1),
    get('c', [4, 5], 'x', 'v2', 2),
    get('d', [6, 7], 'x', 'v1', 1),
  ),
);
test(
  'a value that is gone and comes back',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 1), remove('a', [2, 3], 'x', 2), get('b', [4, 5], 'x', 'v1', 1)),
);
test(
  'an unknown write that takes effect twice',
  refuses,
  history(
    put('a', [0, 1], 'x', 'v1', 'unknown'),
    get('b', [2, 3], 'x', 'v1', 1),
    put('b', [4, 5], 'x', 'v2', 2),
    get('b', [6, 7], 'x', 'v1', 3),
  ),
);
test(
  'a write that shows before it is called',
  refuses,
  history(get('b', [0, 1], 'x', 'v1', 1), put('a', [2, 3], 'x', 'v1', 1)),
);
test(
  'two conditional writes that both won',
  refuses,
  history(
    put('a', [0, 1], 'x', 'v1', 1),
    put('a', [2, 5], 'x', 'v2', 2, { ifRevision: 1 }),
    put('b', [3, 6], 'x', 'v3', 3, { ifRevision: 1 }),
  ),
);
test(
  'a conflict without a reason',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 1), put('b', [2, 3], 'x', 'v3', { conflict: 1 }, { ifRevision: 1 })),
);
test(
  'a conflict that shows a revision that is overwritten',
  refuses,
  history(
    put('a', [0, 1], 'x', 'v1', 1),
    put('a', [2, 3], 'x', 'v2', 2),
    put('b', [4, 5], 'x', 'v3', { conflict: 1 }, { ifRevision: 0 }),
  ),
);
test(
  'a delete that found nothing where something was',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 1), remove('b', [2, 3], 'x', 2, { existed: false })),
);
test(
  'half a batch',
  refuses,
  history(
    batch('a', [0, 9], both('x1', 'y1'), 1),
    get('b', [1, 2], 'y', 'y1', 1),
    get('b', [3, 4], 'x', null, 0),
  ),
);

test('counts a search that it had to give up as a failure', (t) => {
  const operations = history(
    ...Array.from({ length: 12 }, (_, at) => put(`c${at}`, [at, 100 + at], 'x', `v${at}`, at)),
    get('r', [200, 201], 'x', 'other', 1),
  );
  const [violation] = checkLinearizability(operations, { stepsMax: 1_000 });
  t.regex(violation?.text ?? '', /no answer within 1000 steps/);
});

test('of many concurrent writes the one that a read shows is tried as the last one at once', (t) => {
  const operations = history(
    ...Array.from({ length: 16 }, (_, at) => put(`c${at}`, [at, 100 + at], 'x', `v${at}`, 16 - at)),
    ...Array.from({ length: 8 }, (_, at) => put(`d${at}`, [16 + at, null], 'x', `u${at}`, 'unknown')),
    get('r', [200, 201], 'x', 'v0', 16),
    get('r', [202, 203], 'x', 'u3', 17),
  );
  t.deepEqual(checkLinearizability(operations, { stepsMax: 1_000 }), []);
});

test('unknown writes that nothing needs are not tried in every order', (t) => {
  const operations = history(
    batch('a', [0, 1], both('x1', 'y1'), 1),
    ...Array.from({ length: 6 }, (_, at) => put(`u${at}`, [3, null], 'y', `u${at}`, 'unknown')),
    remove('b', [4, null], 'x', 'unknown'),
    // A conflict that only the delete explains, which fits before the first of these writes only, and is missed after the last.
    put('c', [5, 90], 'x', 'never', { conflict: 0 }, { ifRevision: 1 }),
    put('d', [8, 9], 'x', 'v0', 3),
    ...Array.from({ length: 4 }, (_, at) =>
      put('d', [10 + 2 * at, 11 + 2 * at], 'x', `v${at + 1}`, 4 + at, { ifRevision: 3 + at }),
    ),
    get('d', [91, 92], 'x', 'v4', 7),
  );
  t.deepEqual(checkLinearizability(operations, { stepsMax: 10_000 }), []);
});

test('refuses to check conditions that do not identify values', (t) => {
  const operations = history(
    put('a', [0, 1], 'x', 'same', 1),
    put('a', [2, 3], 'x', 'same', 2, { ifRevision: 1 }),
  );
  t.throws(() => checkLinearizability(operations), { message: /values differ/ });
});
