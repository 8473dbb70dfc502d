// Checker 4: answers of replicas that it must accept and ones that it must refuse. Times are milliseconds.

import test from 'ava';
import { checkStaleReads, type StaleReadOptions } from '../../../sim/checkers/stale-reads.ts';
import type { Operation } from '../../../sim/history.ts';
import { get, history, put, remove, stale } from '../../../support/history-rows.ts';

const accepts = test.macro({
  exec(t, operations: readonly Operation[], options: StaleReadOptions = {}) {
    t.deepEqual(checkStaleReads(operations, options), []);
  },
  title: (title) => `accepts ${title}`,
});

const refuses = test.macro({
  exec(t, operations: readonly Operation[], why: RegExp, options: StaleReadOptions = {}) {
    const [first] = checkStaleReads(operations, options);
    t.is(first?.checker, 'stale reads');
    t.regex(first?.text ?? '', why);
  },
  title: (title) => `refuses ${title}`,
});

const two = [put('a', [0, 10], 'x', 'v1', 1), put('a', [20, 100], 'x', 'v2', 2)];

test('an old answer that admits it', accepts, history(...two, stale('b', [150, 160], 'x', 'v1', 1, 70)));
test(
  'an old answer that promises nothing',
  accepts,
  history(...two, stale('b', [999, 1000], 'x', 'v1', 1, null)),
);
test('a new answer', accepts, history(...two, stale('b', [101, 102], 'x', 'v2', 2, 0)));
test(
  'an old answer to another client than the one that got the new answer',
  accepts,
  history(...two, stale('b', [101, 102], 'x', 'v2', 2, 50), stale('c', [103, 104], 'x', 'v1', 1, 50)),
);
test(
  'an absent key before its first write, and after a delete',
  accepts,
  history(
    stale('b', [2, 3], 'x', null, 0, 1),
    ...two,
    remove('a', [110, 120], 'x', 3),
    stale('b', [130, 140], 'x', null, 0, 0),
  ),
);
test(
  'an answer within what a clock may be slow',
  accepts,
  history(...two, stale('b', [190, 200], 'x', 'v1', 1, 99.5)),
  { clockDrift: 0.01 },
);

test(
  'an answer that is further behind than it says',
  refuses,
  history(...two, stale('b', [150, 160], 'x', 'v1', 1, 59)),
  /lacks a write committed 60.0 ms before/,
);
test(
  'one that counts from the acknowledgement and not from the commit',
  refuses,
  history(...two, stale('b', [150, 160], 'x', 'v1', 1, 70)),
  /lacks a write/,
  { commitTimes: (_, revision) => (revision === 2 ? 80 : undefined) },
);
test(
  'an absent key that was written long before',
  refuses,
  history(...two, stale('b', [150, 160], 'x', null, 0, 20)),
  /lacks a write/,
);
test(
  'a client that goes back behind its own write',
  refuses,
  history(...two, stale('a', [150, 160], 'x', 'v1', 1, null)),
  /back in time/,
);
test(
  'a client that goes back behind an answer of a replica',
  refuses,
  history(...two, stale('b', [30, 31], 'x', 'v2', 2, null), stale('b', [32, 33], 'x', 'v1', 1, null)),
  /back in time/,
);
test(
  'a client that goes back behind an answer for another key of the range',
  refuses,
  history(
    ...two,
    put('a', [110, 120], 'y', 'w', 3),
    get('b', [121, 122], 'y', 'w', 3),
    stale('b', [123, 124], 'x', 'v1', 1, null),
  ),
  /back in time/,
);
test(
  'a client whose own write is absent',
  refuses,
  history(...two, stale('a', [150, 160], 'x', null, 0, null)),
  /back in time/,
);
const refused = (span: readonly [number, number], conflict: number) =>
  put('b', span, 'x', 'v', { conflict }, { ifRevision: 9 });
test(
  'a client that goes back behind a conflict',
  refuses,
  history(...two, refused([101, 102], 2), stale('b', [103, 104], 'x', 'v1', 1, null)),
  /back in time/,
);
test(
  'a client that goes back behind a conflict on another key of the range',
  refuses,
  history(
    ...two,
    put('a', [110, 120], 'y', 'w', 3),
    put('b', [121, 122], 'y', 'v', { conflict: 3 }, { ifRevision: 9 }),
    stale('b', [123, 124], 'x', 'v1', 1, null),
  ),
  /back in time/,
);
test(
  'a key that comes back after a conflict said that it is absent',
  refuses,
  history(
    ...two,
    remove('a', [110, 120], 'x', 3),
    refused([121, 122], 0),
    stale('b', [123, 124], 'x', 'v2', 2, null),
  ),
  /knew that the key was absent/,
);
test(
  'a key that comes back after a replica showed its client that it had gone',
  refuses,
  history(
    ...two,
    stale('b', [101, 102], 'x', 'v2', 2, null),
    remove('a', [110, 120], 'x', 'unknown'),
    stale('b', [121, 122], 'x', null, 0, null),
    stale('b', [123, 124], 'x', 'v2', 2, null),
  ),
  /knew that the key was absent/,
);
test(
  'a key that is written again after it was absent, or was absent on a replica that is far behind',
  accepts,
  history(
    ...two,
    stale('b', [101, 102], 'x', null, 0, null),
    stale('b', [103, 104], 'x', 'v1', 1, null),
    remove('a', [110, 120], 'x', 3),
    refused([121, 122], 0),
    put('a', [130, 140], 'x', 'v4', 4),
    stale('b', [141, 142], 'x', 'v4', 4, null),
  ),
);
test(
  'a value different from the one written at that revision',
  refuses,
  history(...two, stale('b', [150, 160], 'x', 'v9', 2, null)),
  /something else/,
);
test(
  'a value that nobody wrote',
  refuses,
  history(...two, stale('b', [150, 160], 'x', 'v9', 3, null)),
  /nobody can have written/,
);
