// The ranges of a namespace side by side, in key order. The Tab key stops once at the bar; arrows, Home and End move inside it.

import { useLayoutEffect, useRef } from 'preact/hooks';
import { type Copies, copiesCount, isShort } from '../../../common/model/health.ts';
import type { RangeId } from '../../../common/model/ids.ts';
import type { RangeRow } from '../../feed.ts';
import { copiesOf, copyState } from '../../page-health.ts';
import { placementSigns, stateSigns, successorOf } from '../../range-signs.ts';
import { formatCount, formatEnd, formatStart } from './format.ts';
import type { Names } from './names.ts';

/** What the width of a range in the bar shows. */
export type Width = 'equal' | 'entries';

interface RangeBarProps {
  readonly label: string;
  readonly ranges: readonly RangeRow[];
  /** How many copies each of them should have. */
  readonly desired: number;
  readonly names: Names;
  readonly width: Width;
  readonly selected: RangeId | null;
  readonly select: (range: RangeId | null) => void;
}

export function RangeBar({ label, ranges, desired, names, width, selected, select }: RangeBarProps) {
  const bar = useRef<HTMLDivElement>(null);
  const fresh = useFresh(ranges);
  const focused = useFocusKept(bar, ranges);
  const total = ranges.reduce((sum, { entries }) => sum + (entries ?? 0), 0);
  const stop = Math.max(
    0,
    ranges.findIndex(({ id }) => id === selected),
  );
  const move = (event: KeyboardEvent): void => {
    const buttons = [...(bar.current?.querySelectorAll('button') ?? [])];
    const at = buttons.findIndex((button) => button.matches(':focus'));
    const to = target(event.key, at, buttons.length);
    if (to === null) return;
    event.preventDefault();
    buttons[to]?.focus();
  };
  return (
    <div class="bar" role="toolbar" aria-label={label} ref={bar} onKeyDown={move} {...focused}>
      {ranges.map((range, index) => (
        <Segment
          key={range.id}
          range={range}
          copies={copiesOf(range, desired, names.rows)}
          names={names}
          weight={width === 'equal' ? 1 : weightOf(range, total / ranges.length)}
          fresh={fresh.has(range.id)}
          selected={range.id === selected}
          tabStop={index === stop}
          toggle={() => select(range.id === selected ? null : range.id)}
        />
      ))}
    </div>
  );
}

function target(key: string, at: number, count: number): number | null {
  switch (key) {
    case 'ArrowRight':
    case 'ArrowDown':
      return Math.min(at + 1, count - 1);
    case 'ArrowLeft':
    case 'ArrowUp':
      return Math.max(at - 1, 0);
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return null;
  }
}

/** A range without writes has a small width, so that it can be seen and pressed. */
function weightOf(range: RangeRow, mean: number): number {
  return Math.max(range.entries ?? 0, mean / 10, 0.001);
}

/** The ranges that came of others while the page looked on: they are marked for a moment. */
function useFresh(ranges: readonly RangeRow[]): ReadonlySet<RangeId> {
  const seen = useRef<ReadonlySet<RangeId>>(new Set());
  const fresh = useRef<ReadonlySet<RangeId>>(new Set());
  const isFresh = ({ id, parents }: RangeRow) =>
    fresh.current.has(id) || (!seen.current.has(id) && parents.some((parent) => seen.current.has(parent)));
  fresh.current = new Set(ranges.filter(isFresh).map(({ id }) => id));
  seen.current = new Set(ranges.map(({ id }) => id));
  return fresh.current;
}

/** If the range with the focus is replaced, the focus goes to what came of it, and is not lost. */
function useFocusKept(bar: { readonly current: HTMLElement | null }, ranges: readonly RangeRow[]) {
  const focused = useRef<RangeId | null>(null);
  useLayoutEffect(() => {
    const gone = focused.current;
    if (gone === null || ranges.some(({ id }) => id === gone)) return;
    focused.current = null;
    const next = successorOf(ranges, gone);
    if (next === undefined || document.activeElement !== document.body) return;
    bar.current?.querySelector<HTMLElement>(`[data-range="${next.id}"]`)?.focus({ preventScroll: true });
  }, [ranges]);
  return {
    onFocusIn: ({ target }: FocusEvent) => {
      focused.current = target instanceof HTMLElement ? Number(target.dataset.range) : null;
    },
    onFocusOut: ({ relatedTarget }: FocusEvent) => {
      if (relatedTarget !== null) focused.current = null;
    },
  };
}

interface SegmentProps {
  readonly range: RangeRow;
  readonly copies: Copies;
  readonly names: Names;
  readonly weight: number;
  readonly selected: boolean;
  /** It has just come of another range. */
  readonly fresh: boolean;
  readonly tabStop: boolean;
  readonly toggle: () => void;
}

function Segment({ range, copies, names, weight, selected, fresh, tabStop, toggle }: SegmentProps) {
  const description = describe(range, copies, names);
  const signs = [...stateSigns(range), ...placementSigns(range)];
  const classes = [range.condition, isShort(copies) ? 'short' : '', fresh ? 'fresh' : ''];
  return (
    <button
      type="button"
      class={`segment ${classes.join(' ')} ${range.change === null ? '' : 'changing'} ${names.colour(range.owner)}`}
      style={{ flexGrow: String(weight) }}
      aria-pressed={selected}
      title={description}
      tabIndex={tabStop ? 0 : -1}
      onClick={toggle}
      data-range={range.id}
    >
      <span class="start">{formatStart(range.start)}</span>
      <span class="owner-name">{range.condition === 'no-owner' ? 'no owner' : names.of(range.owner)}</span>
      <span class="pips">
        {range.replicas.map((replica) => (
          <span
            key={replica.node}
            class={`pip ${copyState(range, replica, names.rows)} ${names.colour(replica.node)}`}
          />
        ))}
      </span>
      <span class="note">{notes(range, copies).join(' · ')}</span>
      {signs.length > 0 && (
        <span class="signs" aria-hidden="true">
          {signs.map(({ sign }) => sign).join('')}
        </span>
      )}
    </button>
  );
}

function worstLag(range: RangeRow): number {
  return Math.max(0, ...range.replicas.map(({ lag }) => lag ?? 0));
}

/** What matters most about the range, in a few words. */
function notes(range: RangeRow, copies: Copies): readonly string[] {
  const words = [...stateSigns(range), ...placementSigns(range)].map(({ word }) => word);
  if (range.condition === 'no-owner') return [`epoch ${range.epoch}`, ...words.slice(1)];
  if (stateSigns(range).length > 0) return words;
  const lag = worstLag(range);
  const count = isShort(copies)
    ? copiesCount(copies)
    : lag > 0
      ? `lag ${formatCount(lag)}`
      : `epoch ${range.epoch}`;
  return [count, ...words];
}

function describe(range: RangeRow, copies: Copies, names: Names): string {
  return [
    `Range ${range.id}, from ${formatStart(range.start)} to ${formatEnd(range.end)}`,
    range.condition === 'no-owner'
      ? `no owner, last ${names.of(range.owner)}`
      : `owner ${names.of(range.owner)}`,
    `epoch ${range.epoch}`,
    copiesCount(copies),
    `lag ${formatCount(worstLag(range))}`,
    range.condition,
    ...[...stateSigns({ ...range, condition: 'serving' }), ...placementSigns(range)].map(({ word }) => word),
  ].join(', ');
}
