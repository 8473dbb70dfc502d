// A split or a merge as the page shows it, whatever order its parts are read in: each key is in one range, and no range is shown
// before its owner has reported it.

import test, { type ExecutionContext } from 'ava';
import { toBytes } from '../../../common/base/bytes.ts';
import { type Descriptor, withReshape } from '../../../common/model/descriptor.ts';
import { replace } from '../../../common/model/replace-ranges.ts';
import { emptyView } from '../../../webserver/cluster-view.ts';
import type { RangeRow } from '../../../webserver/feed.ts';
import { feedState } from '../../../webserver/page-state.ts';
import { shownRanges } from '../../../webserver/shown-ranges.ts';
import { plainRange } from '../../support/plain-ranges.ts';

const NOW = Date.UTC(2026, 0, 2);
const BY_HAND = { byHand: true, reason: 'an administrator asks for it' };
const NAMESPACES = [{ name: 'default', id: 1, replicationFactor: 3, minInSync: 2 }];

function viewOf(ranges: readonly Descriptor[]) {
  return {
    ...emptyView,
    namespaces: NAMESPACES,
    ranges: ranges.map((descriptor) => ({ descriptor, version: 1 })),
  };
}

function rowsOf(ranges: readonly Descriptor[]): readonly RangeRow[] {
  const inputs = { reports: new Map(), before: null, now: NOW, namespace: 'default' };
  return feedState({ view: viewOf(ranges), ...inputs }).ranges;
}

/** What is read of the ranges, one reading after the other, and the ids that are shown then; `!` follows those that have ended. */
function shows(
  t: ExecutionContext,
  before: readonly Descriptor[],
  readings: readonly (readonly [read: readonly Descriptor[], reported: readonly number[], shown: string])[],
  stepMs = 50,
): void {
  let rows = rowsOf(before);
  for (const [at, [read, reported, shown]] of readings.entries()) {
    const { serving, ended } = shownRanges(viewOf(read), {
      rows: new Map(rows.map((row) => [row.id, row])),
      isReported: ({ id }) => reported.includes(id),
      now: NOW + (at + 1) * stepMs,
    });
    rows = [...rowsOf(serving), ...ended];
    const ids = rows.map(({ id, change }) => `${id}${change === 'replaced' ? '!' : ''}`);
    t.is(ids.sort().join(' '), shown, `reading ${at + 1}`);
  }
}

/** Range 1 is split, and 2 is its neighbour. */
function split() {
  const one = plainRange(1);
  const request = { ...BY_HAND, children: [5, 6], cuts: [toBytes('00015')], partner: null };
  const final = { epoch: 1, seq: 7 };
  const { parents, children } = replace([{ descriptor: withReshape(one, request), final }], 'n-1', 's-1');
  const [ended = one] = parents;
  const [left = one, right = one] = children;
  return { one, two: plainRange(2), ended, left, right };
}

test('the children take the place of their parent at once, after their owner has reported them', (t) => {
  const { one, two, ended, left, right } = split();
  shows(
    t,
    [one, two],
    [
      [[ended, two], [], '1! 2'],
      [[ended, two, left], [5], '1! 2'],
      [[ended, two, left, right], [5], '1! 2'],
      [[ended, two, left, right], [5, 6], '2 5 6'],
    ],
  );
});

test('the parent may be gone before its children are read', (t) => {
  const { one, two, left, right } = split();
  shows(
    t,
    [one, two],
    [
      [[two], [], '1! 2'],
      [[two, right], [6], '1! 2'],
      [[two, left, right], [5, 6], '2 5 6'],
    ],
  );
});

test('the children may be read before the end of their parent', (t) => {
  const { one, two, ended, left, right } = split();
  shows(
    t,
    [one, two],
    [
      [[one, two, left, right], [5, 6], '1 2'],
      [[ended, two, left, right], [5, 6], '2 5 6'],
    ],
  );
});

test('a parent stays for a moment only, whatever its children do', (t) => {
  const { one, two, ended, left } = split();
  const reading = [[ended, two, left], [], '1! 2'] as const;
  shows(t, [one, two], [reading, reading, reading, [[ended, two, left], [], '2 5']], 700);
});

test('children that are split themselves before they were shown', (t) => {
  const { one, two, ended, left, right } = split();
  const request = { ...BY_HAND, children: [7, 8], cuts: [toBytes('00012')], partner: null };
  const again = replace(
    [{ descriptor: withReshape(left, request), final: { epoch: 2, seq: 9 } }],
    'n-1',
    's-1',
  );
  const all = [ended, two, ...again.parents, right, ...again.children];
  shows(
    t,
    [one, two],
    [
      [all, [6], '1! 2'],
      [all, [6, 7, 8], '2 6 7 8'],
    ],
  );
});

test('the child of a merge takes the place of both parents', (t) => {
  const [one, two] = [plainRange(1), plainRange(2)];
  const request = { ...BY_HAND, children: [5], cuts: [] };
  const final = { epoch: 1, seq: 7 };
  const { parents, children } = replace(
    [
      { descriptor: withReshape(one, { ...request, partner: 2 }), final },
      { descriptor: withReshape(two, { ...request, partner: 1 }), final },
    ],
    'n-1',
    's-1',
  );
  shows(
    t,
    [one, two],
    [
      [[...parents.slice(0, 1), two], [], '1! 2'],
      [[...parents, ...children], [], '1! 2!'],
      [[...parents, ...children], [5], '5'],
    ],
  );
});

test('a range that was dropped goes at once', (t) => {
  const [one, two] = [plainRange(1), plainRange(2)];
  shows(t, [one, two], [[[{ ...one, state: 'dropped', inSync: [] }, two], [], '2']]);
});
