// What a range is doing and what people decided about it, as words with a sign each, so that no state is told by its colour alone.

import type { Condition, RangeChange, RangeRow } from './feed.ts';

export interface RangeSign {
  /** One character, where there is no room for the word. */
  readonly sign: string;
  readonly word: string;
}

const CONDITIONS: Readonly<Record<Exclude<Condition, 'serving' | 'unknown'>, RangeSign>> = {
  'no-owner': { sign: '×', word: 'no owner' },
  'read-only': { sign: '!', word: 'read-only' },
  waiting: { sign: '!', word: 'waiting' },
  'no-lease': { sign: '!', word: 'no lease' },
  starting: { sign: '!', word: 'starting' },
  silent: { sign: '?', word: 'no answer' },
};

const CHANGES: Readonly<Record<RangeChange, RangeSign>> = {
  splitting: { sign: '÷', word: 'splitting' },
  merging: { sign: '+', word: 'merging' },
  replaced: { sign: '÷', word: 'replaced' },
  moving: { sign: '→', word: 'moving' },
};

const PINNED: RangeSign = { sign: '†', word: 'pinned' };
const ISOLATED: RangeSign = { sign: '○', word: 'isolated' };

/** For a legend. */
export const RANGE_SIGNS: readonly RangeSign[] = [
  ...[CONDITIONS['no-owner'], { sign: '!', word: 'no writes' }],
  ...[CHANGES.splitting, CHANGES.merging, CHANGES.moving, PINNED, ISOLATED],
];

/** What is wrong and what is under way; the worst first. */
export function stateSigns({ condition, change }: RangeRow): readonly RangeSign[] {
  return [
    ...(condition === 'serving' || condition === 'unknown' ? [] : [CONDITIONS[condition]]),
    ...(change === null ? [] : [CHANGES[change]]),
  ];
}

/** What people decided. */
export function placementSigns({ pinned, isolated }: RangeRow): readonly RangeSign[] {
  return [...(pinned ? [PINNED] : []), ...(isolated ? [ISOLATED] : [])];
}

/** The range that a range which is gone went on in: of what came of it the nearest, and the first of these. */
export function successorOf(ranges: readonly RangeRow[], gone: number): RangeRow | undefined {
  const distance = ({ parents }: RangeRow) => parents.indexOf(gone);
  const came = ranges.filter((range) => distance(range) >= 0);
  return came.sort((a, b) => distance(a) - distance(b) || a.id - b.id)[0];
}
