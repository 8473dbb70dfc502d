// Checker 1 on histories that it must accept and on ones that it must refuse, each for its own reason.

import test from 'ava';
import { checkVersions } from '../../../sim/checkers/versions.ts';
import type { Operation } from '../../../sim/history.ts';
import { batch, get, history, put, remove } from '../../../support/history-rows.ts';

const accepts = test.macro({
  exec(t, operations: readonly Operation[]) {
    t.deepEqual(checkVersions(operations), []);
  },
  title: (title) => `accepts ${title}`,
});

const refuses = test.macro({
  exec(t, operations: readonly Operation[], why: RegExp) {
    const [first] = checkVersions(operations);
    t.is(first?.checker, 'versions');
    t.regex(first?.text ?? '', why);
  },
  title: (title) => `refuses ${title}`,
});

test('nothing at all', accepts, history());
test(
  'writes and reads one after the other',
  accepts,
  history(put('a', [0, 1], 'x', 'v1', 5), get('b', [2, 3], 'x', 'v1', 5), put('b', [4, 5], 'x', 'v2', 9)),
);
test(
  'revisions against the order of calls where the calls overlap',
  accepts,
  history(put('a', [0, 5], 'x', 'v1', 8), put('b', [1, 6], 'x', 'v2', 7), get('a', [7, 8], 'x', 'v1', 8)),
);
test(
  'a read of a write that has not returned, or never will',
  accepts,
  history(
    put('a', [0, 9], 'x', 'v1', 5),
    get('b', [1, 2], 'x', 'v1', 5),
    put('a', [10, 11], 'y', 'w', 'unknown'),
    get('b', [12, 13], 'y', 'w', 6),
  ),
);
test(
  'a key that was deleted, and one whose delete has an unknown outcome',
  accepts,
  history(
    put('a', [0, 1], 'x', 'v', 5),
    remove('a', [2, 3], 'x', 6),
    get('b', [4, 5], 'x', null, 0),
    put('a', [6, 7], 'y', 'w', 7),
    remove('a', [8, null], 'y', 'unknown'),
    get('b', [9, 10], 'y', null, 0),
  ),
);
test(
  'ranges that each have their own revisions',
  accepts,
  history(
    put('a', [0, 1], 'x', 'v', 50, { range: 1, epoch: 7 }),
    put('a', [2, 3], 'y', 'w', 3, { range: 2, epoch: 1 }),
  ),
);
test(
  'a condition that names the present revision',
  accepts,
  history(
    put('a', [0, 1], 'x', 'v1', 5, { ifRevision: 0 }),
    put('b', [2, 3], 'x', 'v2', 6, { ifRevision: 5 }),
    put('a', [4, 5], 'x', 'v3', { conflict: 6 }, { ifRevision: 5 }),
    remove('a', [6, 7], 'x', 8, { ifRevision: 6 }),
    put('b', [8, 9], 'x', 'v4', 9, { ifRevision: 0 }),
  ),
);
test(
  'a batch of which the last mutation of a key counts',
  accepts,
  history(
    batch(
      'a',
      [0, 1],
      [
        { kind: 'put', key: 'x', value: 'v1', ifRevision: null },
        { kind: 'put', key: 'y', value: 'w', ifRevision: null },
        { kind: 'delete', key: 'x', ifRevision: null },
      ],
      4,
    ),
    get('b', [2, 3], 'x', null, 0),
    get('b', [2, 3], 'y', 'w', 4),
  ),
);

test(
  'a read of the state before a write that was over',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 5), put('a', [2, 3], 'x', 'v2', 6), get('b', [4, 5], 'x', 'v1', 5)),
  /older than it was/,
);
test(
  'a second read that shows an older state than the first',
  refuses,
  history(
    put('a', [0, 1], 'x', 'v1', 5),
    put('a', [2, 99], 'x', 'v2', 6),
    get('b', [3, 4], 'x', 'v2', 6),
    get('c', [5, 6], 'x', 'v1', 5),
  ),
  /older than it was/,
);
test(
  'a conflict that shows an older revision',
  refuses,
  history(
    put('a', [0, 1], 'x', 'v1', 5),
    put('a', [2, 3], 'x', 'v2', 6),
    put('b', [4, 5], 'x', 'v3', { conflict: 5 }, { ifRevision: 2 }),
  ),
  /older than it was/,
);
test(
  'an acknowledged key that is absent',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 5), get('b', [2, 3], 'x', null, 0)),
  /absent that nothing can have deleted/,
);
test(
  'a key that is absent for a delete before its last write',
  refuses,
  history(remove('a', [0, 1], 'x', 4), put('a', [2, 3], 'x', 'v1', 5), get('b', [4, 5], 'x', null, 0)),
  /absent that nothing can have deleted/,
);
test(
  'a key that is absent for a delete that begins later',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 5), get('b', [2, 3], 'x', null, 0), remove('a', [4, 5], 'x', 6)),
  /absent that nothing can have deleted/,
);
test(
  'a deleted value that comes back',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 5), remove('a', [2, 3], 'x', 6), get('b', [4, 5], 'x', 'v1', 5)),
  /older than it was/,
);
test(
  'two writes at one revision',
  refuses,
  history(put('a', [0, 9], 'x', 'v1', 5), put('b', [1, 8], 'y', 'w', 5)),
  /one revision/,
);
test(
  'a write with a revision below that of an earlier write to the range',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 5), put('b', [2, 3], 'y', 'w', 4)),
  /not above one known before its call/,
);
test(
  'a write with a revision below one that a read of the range has shown',
  refuses,
  history(put('a', [0, 9], 'x', 'v1', 5), get('b', [1, 2], 'x', 'v1', 5), put('c', [3, 4], 'y', 'w', 4)),
  /not above one known before its call/,
);
test(
  'an answer of an epoch that was over',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 5, { epoch: 3 }), get('b', [2, 3], 'x', 'v1', 5, { epoch: 2 })),
  /epoch that was over/,
);
test(
  'a write acknowledged by a former owner',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 5, { epoch: 3 }), put('b', [2, 3], 'x', 'v2', 6, { epoch: 2 })),
  /epoch that was over/,
);
test(
  'a value different from the one written at that revision',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 5), get('b', [2, 3], 'x', 'v2', 5)),
  /something else than was written/,
);
test(
  'a value of a write that failed',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 'failed'), get('b', [2, 3], 'x', 'v1', 5)),
  /nobody can have written/,
);
test(
  'a value from the future',
  refuses,
  history(get('b', [0, 1], 'x', 'v1', 5), put('a', [2, 3], 'x', 'v1', 5)),
  /before anybody wrote it/,
);
test(
  'two values at a revision of unknown writes',
  refuses,
  history(
    put('a', [0, 1], 'x', 'v1', 'unknown'),
    put('a', [2, 3], 'x', 'v2', 'unknown'),
    get('b', [4, 5], 'x', 'v1', 5),
    get('b', [6, 7], 'x', 'v2', 5),
  ),
  /two values at one revision/,
);
test(
  'a condition that held although the key had changed',
  refuses,
  history(
    put('a', [0, 1], 'x', 'v1', 5),
    put('b', [2, 9], 'x', 'v2', 6, { ifRevision: 5 }),
    put('c', [3, 8], 'x', 'v3', 7, { ifRevision: 5 }),
  ),
  /condition held although/,
);
test(
  'a creation of a key that was present',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 5), put('b', [2, 3], 'x', 'v2', 6, { ifRevision: 0 })),
  /condition held although/,
);
test(
  'a conflict with the revision that was asked for',
  refuses,
  history(put('a', [0, 1], 'x', 'v1', 5), put('b', [2, 3], 'x', 'v2', { conflict: 5 }, { ifRevision: 5 })),
  /held was refused/,
);
