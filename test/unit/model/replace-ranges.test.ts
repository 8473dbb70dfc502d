// S1 and S3: which requests are allowed, and the descriptors of the multi that replaces ranges.

import test from 'ava';
import { formatBytes, toBytes } from '../../../common/base/bytes.ts';
import {
  checkDescriptor,
  type Descriptor,
  FRESH_RANGE,
  withReshape,
} from '../../../common/model/descriptor.ts';
import { origin } from '../../../common/model/ids.ts';
import { replace, replacementFault } from '../../../common/model/replace-ranges.ts';
import { baseOf, LINEAGE_MAX, type ReshapeRequest, reshapeFault } from '../../../common/model/replacement.ts';

const OWNER = { node: 'a', session: 's', inc: 1 };

function range(id: number, start: string, end: string | null, more: Partial<Descriptor> = {}): Descriptor {
  return {
    ...{ namespace: 'n', namespaceId: 1, id, start: toBytes(start), end: end === null ? null : toBytes(end) },
    ...{ epoch: 5, owner: OWNER, inSync: ['a', 'b', 'c'], minInSync: 2, state: 'serving', nextInc: 4 },
    replicas: ['a', 'b', 'c'].map((node, at) => ({ node, inc: at + 1 })),
    ...{ ...FRESH_RANGE, base: origin, transferTo: null, retire: null },
    ...more,
  };
}

function request(more: Partial<ReshapeRequest>): ReshapeRequest {
  return { children: [8, 9], cuts: [toBytes('m')], partner: null, byHand: false, reason: 'a test', ...more };
}

const requests: readonly (readonly [string, Partial<ReshapeRequest>, boolean])[] = [
  ['one cut, two children', {}, true],
  ['two cuts, three children', { cuts: [toBytes('m'), toBytes('n')], children: [7, 8, 9] }, true],
  ['a merge', { cuts: [], children: [8], partner: 2 }, true],
  ['no cut', { cuts: [], children: [8] }, false],
  ['cuts in the wrong order', { cuts: [toBytes('n'), toBytes('m')], children: [7, 8, 9] }, false],
  ['a cut twice', { cuts: [toBytes('m'), toBytes('m')], children: [7, 8, 9] }, false],
  ['a cut at the start', { cuts: [toBytes('b')] }, false],
  ['a cut outside', { cuts: [toBytes('z')] }, false],
  ['too few children', { children: [8] }, false],
  ['four children', { cuts: ['m', 'n', 'o'].map(toBytes), children: [6, 7, 8, 9] }, false],
  ['a child twice', { children: [8, 8] }, false],
  ['itself as a child', { children: [1, 8] }, false],
  ['itself as the partner', { cuts: [], children: [8], partner: 1 }, false],
  ['a merge with a cut', { partner: 2 }, false],
];
for (const [what, more, isAllowed] of requests) {
  test(`S1: ${what} is ${isAllowed ? 'allowed' : 'refused'}`, (t) => {
    t.is(reshapeFault(range(1, 'b', 'x'), request(more)) === null, isAllowed);
  });
}

test('S3: a split', (t) => {
  const final = { epoch: 5, seq: 100 };
  const parent = withReshape(range(1, 'b', 'x', { inSync: ['a', 'b'] }), request({ byHand: true }));
  const { parents, children } = replace([{ descriptor: parent, final }], 'a', 's2');
  for (const descriptor of [...parents, ...children]) t.notThrows(() => checkDescriptor(descriptor));
  t.like(parents[0], { state: 'replaced', inSync: [], reshape: null, replicas: parent.replicas, epoch: 5 });
  t.deepEqual(
    children.map(({ id, start, end }) => [id, formatBytes(start), formatBytes(end ?? toBytes('?'))]),
    [
      [8, 'b', 'm'],
      [9, 'm', 'x'],
    ],
  );
  for (const child of children) {
    t.like(child, { epoch: 6, base: final, inSync: ['a', 'b'], minInSync: 2, nextInc: 2, state: 'serving' });
    t.deepEqual(child.owner, { node: 'a', session: 's2', inc: 1 });
    t.deepEqual(
      child.replicas,
      ['a', 'b', 'c'].map((node) => ({ node, inc: 1 })),
    );
    t.deepEqual(child.parents, [{ range: 1, final }]);
  }
  t.deepEqual(
    children.map(({ placement }) => placement.startByHand),
    [false, true],
  );
});

/** Two neighbours that are to be merged, and how they end. */
function pair(left: Partial<Descriptor> = {}, right: Partial<Descriptor> = {}) {
  const merge = { cuts: [], children: [8] };
  return [
    {
      descriptor: withReshape(range(1, 'b', 'm', left), request({ ...merge, partner: 2 })),
      final: { epoch: 5, seq: 30 },
    },
    {
      descriptor: withReshape(range(2, 'm', 'x', right), request({ ...merge, partner: 1 })),
      final: { epoch: right.epoch ?? 5, seq: 20 },
    },
  ];
}

test('S3: a merge: the intersection of replicas and in-sync sets, above both in epoch, seq and minInSync', (t) => {
  const three = ['d', 'b', 'a'].map((node, at) => ({ node, inc: at + 1 }));
  const endings = pair(
    {},
    { epoch: 9, replicas: three, owner: { ...OWNER, inc: 3 }, inSync: ['a', 'b', 'd'] },
  );
  const { parents, children } = replace(endings, 'a', 's');
  t.is(children.length, 1);
  t.like(children[0], { id: 8, epoch: 10, base: { epoch: 9, seq: 30 }, inSync: ['a', 'b'], minInSync: 2 });
  t.deepEqual(
    children[0]?.replicas.map(({ node }) => node),
    ['a', 'b'],
  );
  t.deepEqual(parents[0]?.replacement, parents[1]?.replacement, 'either one says all');
});

const faults: readonly (readonly [string, readonly ReturnType<typeof pair>[number][], RegExp])[] = [
  ['too few common members', pair({ inSync: ['a', 'b'] }, { inSync: ['a', 'c'] }), /fewer than minInSync/],
  ['a higher minInSync of one', pair({ minInSync: 3 }, { inSync: ['a', 'b'] }), /fewer than minInSync/],
  ['ranges that do not meet', pair({ end: toBytes('l') }), /only neighbours/],
  ['another namespace', pair({}, { namespaceId: 2 }), /only neighbours/],
  [
    'no request in one of them',
    pair({}, {}).map((ending, at) =>
      at === 0 ? ending : { ...ending, descriptor: { ...ending.descriptor, reshape: null } },
    ),
    /same request/,
  ],
];
for (const [what, endings, expected] of faults) {
  test(`S3: nothing is sent for ${what}`, (t) => {
    t.regex(replacementFault(endings) ?? '', expected);
  });
}

test('a descriptor names the nearest ranges that came before it, each once, and not more than it has room for', (t) => {
  const older = Array.from({ length: LINEAGE_MAX }, (_, at) => ({ range: 100 + at, final: origin }));
  const [left, right] = pair({ parents: older.slice(0, 10) }, { parents: older.slice(5) });
  if (left === undefined || right === undefined) return t.fail('two parents');
  const [child] = replace([left, right], 'a', 's').children;
  const ids = child?.parents.map((parent) => parent.range) ?? [];
  t.deepEqual(ids.slice(0, 2), [1, 2]);
  t.is(ids.length, LINEAGE_MAX);
  t.is(new Set(ids).size, ids.length);
});

test('the base is above the ends of all parents', (t) => {
  const parents = [
    { range: 1, final: { epoch: 3, seq: 40 } },
    { range: 2, final: { epoch: 7, seq: 5 } },
  ];
  t.deepEqual(baseOf(parents), { epoch: 7, seq: 40 });
});
