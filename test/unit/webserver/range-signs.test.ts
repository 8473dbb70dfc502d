// What a range is doing, in words with signs; and which range goes on in place of one that is gone.

import test from 'ava';
import { toBytes } from '../../../common/base/bytes.ts';
import { FREE_PLACEMENT, withMove, withPlacement, withReshape } from '../../../common/model/descriptor.ts';
import type { RangeRow } from '../../../webserver/feed.ts';
import { feedState } from '../../../webserver/page-state.ts';
import { placementSigns, RANGE_SIGNS, stateSigns, successorOf } from '../../../webserver/range-signs.ts';
import { MemoryCluster } from '../../support/memory-cluster.ts';

const REQUEST = { byHand: false, reason: 'it has 9 bytes, and 8 are allowed' };

function rowsOf(change: (cluster: MemoryCluster) => void): readonly RangeRow[] {
  const cluster = new MemoryCluster();
  change(cluster);
  return feedState({ view: cluster.view, reports: new Map(), before: null, now: 0, namespace: 'default' })
    .ranges;
}

const tells = test.macro<[change: (cluster: MemoryCluster) => void, words: string]>({
  title: (title) => `range 2 is ${title}`,
  exec(t, change, words) {
    const row = rowsOf(change).find(({ id }) => id === 2);
    if (row === undefined) return t.fail('no row');
    const signs = [...stateSigns(row), ...placementSigns(row)];
    t.is(signs.map(({ sign, word }) => `${sign} ${word}`).join(', '), words);
  },
});

test('what it always is', tells, () => {}, '');
test('to be split', tells, split, '÷ splitting');
test('to be merged', tells, merge, '+ merging');
test('moving while a replica moves', tells, move, '→ moving');
test('moving while it is handed over', tells, handOver, '→ moving');
test('pinned and isolated', tells, place, '† pinned, ○ isolated');
test(
  'without an owner, and to be split: the worst comes first',
  tells,
  (cluster) => {
    split(cluster);
    cluster.kill('n-b');
  },
  '× no owner, ÷ splitting',
);

function split(cluster: MemoryCluster): void {
  cluster.describe(2, (before) =>
    withReshape(before, { ...REQUEST, children: [5, 6], cuts: [toBytes('k')], partner: null }),
  );
}

function merge(cluster: MemoryCluster): void {
  cluster.describe(2, (before) => withReshape(before, { ...REQUEST, children: [5], cuts: [], partner: 3 }));
}

function move(cluster: MemoryCluster): void {
  cluster.describe(2, (before) => withMove(before, 'n-a', 'n-d'));
}

function handOver(cluster: MemoryCluster): void {
  cluster.describe(2, (before) => ({ ...before, transferTo: 'n-a' }));
}

function place(cluster: MemoryCluster): void {
  cluster.describe(2, (before) => withPlacement(before, { ...FREE_PLACEMENT, pinned: true, isolated: true }));
}

test('a range that is to be split says why', (t) => {
  t.is(rowsOf(split).find(({ id }) => id === 2)?.why, REQUEST.reason);
  t.is(rowsOf(split).find(({ id }) => id === 1)?.why, null);
});

test('every sign has one meaning', (t) => {
  t.is(new Set(RANGE_SIGNS.map(({ sign }) => sign)).size, RANGE_SIGNS.length);
});

test('the nearest range that came of a range goes on in its place, of several the first', (t) => {
  const [row] = rowsOf(() => {});
  if (row === undefined) return t.fail('no row');
  const ranges = [
    { ...row, id: 3, parents: [8, 2] },
    { ...row, id: 7, parents: [2] },
    { ...row, id: 6, parents: [2] },
    { ...row, id: 5, parents: [] },
  ];
  t.is(successorOf(ranges, 2)?.id, 6);
  t.is(successorOf(ranges, 8)?.id, 3);
  t.is(successorOf(ranges, 1), undefined);
});
