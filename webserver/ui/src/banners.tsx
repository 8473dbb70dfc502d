// A banner for each range that does not take writes for now: the reason, and since when.

import { formatDuration } from '../../../common/base/duration.ts';
import type { RangeId } from '../../../common/model/ids.ts';
import type { Condition, RangeRow } from '../../feed.ts';
import { formatEnd, formatStart, formatTime } from './format.ts';
import type { Names } from './names.ts';

type Trouble = Exclude<Condition, 'serving' | 'unknown'>;

/**
 * How long a condition must last before its banner shows, ms. A new owner needs a moment to start, and one late answer means
 * nothing.
 */
const SHOWN_AFTER_MS: Readonly<Record<Trouble, number>> = {
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
    (range) => isTrouble(range.condition) && now - (range.since ?? now) >= SHOWN_AFTER_MS[range.condition],
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
      return 'is read-only: a member of its in-sync set does not answer, and the set has its minimum size';
    case 'no-owner':
      return `has no owner: ${owner} is gone, and the coordinator will promote an in-sync replica`;
    case 'starting':
      return `is starting: ${owner} does not serve epoch ${range.epoch} yet`;
    case 'silent':
      return `may be unreachable: its owner ${owner} does not answer the webserver`;
    case 'serving':
    case 'unknown':
      return '';
  }
}
