// A banner for each range that does not take writes for now, with since when and what that means.

import { formatDuration } from '../../../common/base/duration.ts';
import type { RangeId } from '../../../common/model/ids.ts';
import type { Condition, RangeRow } from '../../feed.ts';
import { formatEnd, formatStart, formatTime } from './format.ts';
import type { Names } from './names.ts';

type Trouble = Exclude<Condition, 'serving' | 'unknown'>;

/** A new owner needs a moment, and one late answer means nothing: these two show only when they last, in ms. */
const PATIENCE: Readonly<Record<Trouble, number>> = {
  'no-owner': 0,
  'read-only': 0,
  starting: 2_000,
  silent: 500,
};

interface BannersProps {
  readonly ranges: readonly RangeRow[];
  readonly names: Names;
  readonly now: number;
  readonly select: (range: RangeId) => void;
}

export function Banners({ ranges, names, now, select }: BannersProps) {
  const troubled = ranges.filter(
    (range) => isTrouble(range.condition) && now - (range.since ?? now) >= PATIENCE[range.condition],
  );
  return (
    <ul class="banners" aria-live="polite" aria-label="Ranges that do not take writes">
      {troubled.map((range) => (
        <li key={range.id} class={`banner ${range.condition}`}>
          <button type="button" class="link" onClick={() => select(range.id)}>
            Range {range.id}
          </button>
          <span class="bounds">
            {range.namespace} · {formatStart(range.start)} … {formatEnd(range.end)}
          </span>
          <span class="what">{explain(range, names)}</span>
          {range.since !== null && (
            <span class="since" aria-live="off">
              since {formatTime(range.since)} · {formatDuration(now - range.since)}
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

function isTrouble(condition: Condition): condition is Trouble {
  return condition !== 'serving' && condition !== 'unknown';
}

function explain(range: RangeRow, names: Names): string {
  const owner = names.of(range.owner);
  switch (range.condition) {
    case 'read-only':
      return 'is read-only: a member of its in-sync set is silent, and it may not shrink further';
    case 'no-owner':
      return `has no owner: ${owner} is gone, a coordinator promotes an in-sync replica`;
    case 'starting':
      return `is starting: ${owner} is not yet serving epoch ${range.epoch}`;
    case 'silent':
      return `may be out of reach: its owner ${owner} does not answer the webserver`;
    case 'serving':
    case 'unknown':
      return '';
  }
}
