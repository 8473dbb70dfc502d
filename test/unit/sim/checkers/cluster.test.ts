// Checkers 5 to 8: replicas, range maps, recoveries and dropped namespaces that they must accept and ones that they must refuse.

import test from 'ava';
import { type Descriptor, FRESH_RANGE } from '../../../../common/model/descriptor.ts';
import { checkGone } from '../../../sim/checkers/gone.ts';
import { checkLiveness, type Heal } from '../../../sim/checkers/liveness.ts';
import { RangeMapChecker } from '../../../sim/checkers/range-map.ts';
import {
  checkReplicasAgree,
  checkReplicasSettled,
  type ReplicaSample,
} from '../../../sim/checkers/replicas.ts';
import type { Operation, Violation } from '../../../sim/history.ts';
import { get, history, put } from '../../../support/history-rows.ts';

const finds = test.macro({
  exec(t, checker: string, found: () => readonly Violation[], why: RegExp | null) {
    const [first] = found();
    t.is(first?.checker, why === null ? undefined : checker);
    t.regex(first?.text ?? '', why ?? /^$/);
  },
  title: (title) => title ?? '',
});

// ---- replicas --------------------------------------------------------------------------------------------------------

const sample = (node: string, seq: number, checksum: string, range = 1): ReplicaSample => ({
  node,
  range,
  seq,
  checksum,
});
const agree =
  (...samples: readonly ReplicaSample[]) =>
  () =>
    checkReplicasAgree(samples);

test(
  'accepts replicas that are equal at the same seq',
  finds,
  'replicas',
  agree(sample('a', 5, 'p'), sample('b', 4, 'q'), sample('b', 5, 'p'), sample('a', 5, 'z', 2)),
  null,
);
test(
  'refuses two states at one seq, also at different times',
  finds,
  'replicas',
  agree(sample('a', 5, 'p'), sample('a', 6, 'q'), sample('b', 5, 'r')),
  /a and b differ in range 1 at seq 5/,
);
test(
  'refuses a replica that stays behind when nothing is under way',
  finds,
  'replicas',
  () => checkReplicasSettled([sample('a', 6, 'q'), sample('b', 5, 'p')]),
  /b has settled at seq 5 of range 1, not at 6/,
);

// ---- range map -------------------------------------------------------------------------------------------------------

const bytes = (text: string) => new TextEncoder().encode(text);

function range(id: number, start: string, end: string | null, more: Partial<Descriptor> = {}): Descriptor {
  return {
    namespace: 'default',
    namespaceId: 1,
    id,
    start: bytes(start),
    end: end === null ? null : bytes(end),
    epoch: 1,
    owner: { node: 'a', inc: 1, session: 's1' },
    replicas: [
      { node: 'a', inc: 1 },
      { node: 'b', inc: 2 },
      { node: 'c', inc: 3 },
    ],
    inSync: ['a', 'b'],
    minInSync: 2,
    state: 'serving',
    nextInc: 4,
    ...FRESH_RANGE,
    base: { epoch: 0, seq: 0 },
    transferTo: null,
    retire: null,
    ...more,
  };
}

/** ZooKeeper is restored to an older state before the next map, and an administrator requests higher epochs. */
const RESTORED = 'restored';

/** One range map after the other; the version of each range rises each time. */
const maps =
  (...pictures: readonly (readonly Descriptor[] | typeof RESTORED)[]) =>
  () => {
    const checker = new RangeMapChecker();
    for (const [version, descriptors] of pictures.entries()) {
      if (descriptors === RESTORED) checker.restored();
      else {
        const images = descriptors.map((descriptor) => ({ descriptor, version }));
        checker.observe(`transaction ${version}`, images, pictures.includes(RESTORED));
      }
    }
    return checker.violations;
  };
const whole = (more: Partial<Descriptor> = {}) => [range(1, '', null, more)];

const rows: readonly (readonly [string, () => readonly Violation[], RegExp | null])[] = [
  ['accepts a whole map', maps([range(1, '', 'm'), range(2, 'm', null)]), null],
  [
    'accepts a promotion, an expansion, a removal and a new replica',
    maps(
      whole(),
      whole({ epoch: 2, owner: { node: 'b', inc: 2, session: 's2' } }),
      whole({ epoch: 2, owner: { node: 'b', inc: 2, session: 's2' }, inSync: ['a', 'b', 'c'] }),
      whole({ epoch: 2, owner: { node: 'b', inc: 2, session: 's2' }, inSync: ['b', 'c'] }),
      whole({
        epoch: 2,
        owner: { node: 'b', inc: 2, session: 's2' },
        inSync: ['b', 'c'],
        replicas: [
          { node: 'b', inc: 2 },
          { node: 'c', inc: 3 },
          { node: 'a', inc: 4 },
        ],
        nextInc: 5,
      }),
    ),
    null,
  ],
  ['refuses a hole', maps([range(1, '', 'm'), range(2, 'n', null)]), /a hole from m to n/],
  ['refuses a hole at the start', maps([range(1, 'b', null)]), /a hole from/],
  ['refuses a hole at the end', maps([range(1, '', 'm')]), /a hole from m to the end/],
  ['refuses an overlap', maps([range(1, '', 'n'), range(2, 'm', null)]), /overlaps/],
  [
    'refuses an overlap after an unbounded range',
    maps([range(1, '', null), range(2, 'm', null)]),
    /overlaps/,
  ],
  ['refuses an in-sync set below m', maps(whole({ inSync: ['a'] })), /1 in-sync, m is 2/],
  ['refuses an owner that is not in-sync', maps(whole({ inSync: ['b', 'c'] })), /owner a is not in-sync/],
  [
    'refuses an in-sync node without a replica',
    maps(whole({ inSync: ['a', 'd'] })),
    /in-sync d has no replica/,
  ],
  [
    'refuses two owners of one epoch',
    maps(whole(), whole({ owner: { node: 'b', inc: 2, session: 's2' } })),
    /epoch 1 has two owners/,
  ],
  [
    'refuses one owner of an epoch in two sessions',
    maps(whole(), whole({ owner: { node: 'a', inc: 1, session: 's9' } })),
    /epoch 1 has two owners/,
  ],
  ['refuses an epoch that falls', maps(whole({ epoch: 3 }), whole({ epoch: 2 })), /epoch 3 became 2/],
  [
    'accepts an older map after a restore of ZooKeeper, and a range that begins again in a higher epoch',
    maps(
      whole({ epoch: 7, nextInc: 9 }),
      RESTORED,
      whole({ epoch: 3 }),
      whole({ epoch: 8, inSync: ['a'], minInSync: 1, nextInc: 9 }),
      whole({
        epoch: 9,
        owner: { node: 'c', inc: 3, session: 's3' },
        inSync: ['c'],
        minInSync: 1,
        nextInc: 9,
      }),
    ),
    null,
  ],
  [
    'refuses an epoch that falls after ZooKeeper was restored',
    maps(RESTORED, whole({ epoch: 8 }), whole({ epoch: 3 })),
    /epoch 8 became 3/,
  ],
  [
    'refuses two owners of an epoch after ZooKeeper was restored',
    maps(RESTORED, whole(), whole({ owner: { node: 'b', inc: 2, session: 's2' } })),
    /epoch 1 has two owners/,
  ],
  [
    'refuses a raise that forgets an inc',
    maps(RESTORED, whole({ nextInc: 5 }), whole({ epoch: 8, nextInc: 4 })),
    /nextInc fell/,
  ],
  ['refuses an epoch left out', maps(whole(), whole({ epoch: 3 })), /epoch 1 became 3/],
  [
    'refuses the promotion of a learner',
    maps(whole(), whole({ epoch: 2, owner: { node: 'c', inc: 3, session: 's3' }, inSync: ['a', 'b', 'c'] })),
    /went to c, which was not in-sync/,
  ],
  ['refuses an m that falls', maps(whole(), whole({ minInSync: 1 })), /m fell from 2 to 1/],
  [
    'refuses an inc used again',
    maps(whole({ replicas: whole()[0]?.replicas.slice(0, 2) ?? [] }), whole({ nextInc: 4 })),
    /inc 3 of c is used again/,
  ],
  [
    'refuses the removal of an in-sync replica',
    maps(whole({ inSync: ['a', 'b', 'c'] }), whole({ replicas: whole()[0]?.replicas.slice(0, 2) ?? [] })),
    /in-sync c was removed/,
  ],
  [
    'refuses a new replica that is in-sync at once',
    maps(
      whole(),
      whole({
        replicas: [...(whole()[0]?.replicas ?? []), { node: 'd', inc: 4 }],
        nextInc: 5,
        inSync: ['a', 'b', 'd'],
      }),
    ),
    /d became in-sync as it was added/,
  ],
  [
    'refuses a serving range that is gone',
    maps([range(1, '', 'm'), range(2, 'm', null)], whole()),
    /is gone/,
  ],
];
for (const [title, found, why] of rows) test(title, finds, 'range map', found, why);

// ---- liveness --------------------------------------------------------------------------------------------------------

const heal: Heal = { at: 1_000, boundMs: 500, ranges: [1] };
const after =
  (operations: readonly Operation[], more: Partial<Heal> = {}) =>
  () =>
    checkLiveness(operations, { ...heal, ...more });

test(
  'accepts failures until the bound, and a write before it',
  finds,
  'liveness',
  after(
    history(
      put('a', [900, 1_200], 'x', 'v0', 'unknown'),
      put('a', [1_201, 1_300], 'x', 'v1', 'failed'),
      put('a', [1_301, 1_499], 'x', 'v2', 8),
      get('a', [1_501, 1_502], 'x', 'v2', 8),
      put('a', [1_503, 1_504], 'x', 'v3', { conflict: 8 }, { ifRevision: 1 }),
    ),
  ),
  null,
);
test(
  'refuses a range that takes no write again',
  finds,
  'liveness',
  after(history(put('a', [900, 999], 'x', 'v', 3)), { ranges: [1] }),
  /range 1 took writes not at all/,
);
test(
  'refuses a range that takes writes too late',
  finds,
  'liveness',
  after(history(put('a', [1_100, 1_600], 'x', 'v', 3))),
  /range 1 took writes only after 600 ms/,
);
test(
  'refuses a failure after the bound',
  finds,
  'liveness',
  after(history(put('a', [1_100, 1_200], 'x', 'v', 3), put('a', [1_600, 1_700], 'x', 'w', 'failed'))),
  /failed although all was healed/,
);

// ---- dropped namespaces ----------------------------------------------------------------------------------------------

const gone = (at: number | null) => () =>
  checkGone(
    history(
      put('a', [900, 1_200], 'x', 'v0', 3),
      put('a', [1_201, 1_300], 'x', 'v1', 'failed'),
      put('a', [1_301, 1_400], 'x', 'v2', 'unknown'),
      get('a', [1_501, 1_502], 'x', null, 0),
    ),
    at,
  );

test('accepts answers from before a namespace was gone, and errors', finds, 'gone', gone(1_501), null);
test('accepts answers of a namespace that is there', finds, 'gone', gone(null), null);
test(
  'refuses an answer of a namespace that was dropped, also that a key is absent',
  finds,
  'dropped namespace',
  gone(1_000),
  /answered after the namespace was gone:\n {2}#3 a \[1501.0, 1502.0\] linearizable read of x/,
);
