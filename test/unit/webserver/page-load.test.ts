// What nodes report of their load, as the page shows it.

import test from 'ava';
import type { LoadRecord, RangeLoadRecord } from '../../../common/model/load.ts';
import { emptyView } from '../../../webserver/cluster-view.ts';
import { PageLoad } from '../../../webserver/page-load.ts';
import { plainRange } from '../../support/plain-ranges.ts';

const RANGES = [1, 2].map((id) => ({ ...plainRange(id) }));

function load(range: number, cpu: number, bytes: number | null): RangeLoadRecord {
  return { range, reads: 10.4, writes: 3.6, bytesIn: 0, bytesOut: 0, cpu, bytes };
}

function report(...ranges: RangeLoadRecord[]): LoadRecord {
  return { cpu: null, syncP99Ms: null, syncMeanMs: null, ranges };
}

/** Range 1 is owned by n-1, and range 2 by n-2; all three nodes hold both. */
function pageLoad(loads: Readonly<Record<string, LoadRecord>>): PageLoad {
  const [one = plainRange(1), two = plainRange(2)] = RANGES;
  const owned = [one, { ...two, owner: { ...two.owner, node: 'n-2' } }];
  return new PageLoad({ ...emptyView, loads: new Map(Object.entries(loads)) }, owned);
}

test("a node's share is what its ranges take of all; its bytes are those of all its replicas", (t) => {
  const page = pageLoad({ 'n-1': report(load(1, 0.3, 1_000)), 'n-2': report(load(2, 0.1, 24)) });
  t.deepEqual(page.node('n-1'), { share: 0.75, bytes: 1_024 });
  t.deepEqual(page.node('n-2'), { share: 0.25, bytes: 1_024 });
  t.deepEqual(page.node('n-3'), { share: 0, bytes: 1_024 });
  t.deepEqual(page.rows, [
    { range: 1, reads: 10, writes: 4, bytes: 1_000 },
    { range: 2, reads: 10, writes: 4, bytes: 24 },
  ]);
});

test('what a former owner reports of a range counts for nobody', (t) => {
  const page = pageLoad({ 'n-1': report(load(1, 0.3, 1_000), load(2, 0.9, 5_000)) });
  t.deepEqual(page.node('n-1'), { share: 1, bytes: 1_000 });
  t.is(page.rows.length, 1);
});

test('shares of next to nothing are not told, and unknown bytes are not zero', (t) => {
  const page = pageLoad({ 'n-1': report(load(1, 0.004, null)) });
  t.deepEqual(page.node('n-1'), { share: null, bytes: null });
});
