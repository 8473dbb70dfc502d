// The ranges of a namespace side by side, in key order. The Tab key stops once at the bar; arrows, Home and End move inside it.

import { useRef } from 'preact/hooks';
import { type Copies, copiesCount, isShort } from '../../../common/model/health.ts';
import type { RangeId } from '../../../common/model/ids.ts';
import type { RangeRow } from '../../feed.ts';
import { copiesOf, copyState } from '../../page-health.ts';
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
    <div class="bar" role="toolbar" aria-label={label} ref={bar} onKeyDown={move}>
      {ranges.map((range, index) => (
        <Segment
          key={range.id}
          range={range}
          copies={copiesOf(range, desired, names.rows)}
          names={names}
          weight={width === 'equal' ? 1 : weightOf(range, ranges)}
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
function weightOf(range: RangeRow, ranges: readonly RangeRow[]): number {
  const total = ranges.reduce((sum, { entries }) => sum + (entries ?? 0), 0);
  return Math.max(range.entries ?? 0, total / ranges.length / 10, 0.001);
}

interface SegmentProps {
  readonly range: RangeRow;
  readonly copies: Copies;
  readonly names: Names;
  readonly weight: number;
  readonly selected: boolean;
  readonly tabStop: boolean;
  readonly toggle: () => void;
}

function Segment({ range, copies, names, weight, selected, tabStop, toggle }: SegmentProps) {
  const description = describe(range, copies, names);
  return (
    <button
      type="button"
      class={`segment ${range.condition} ${isShort(copies) ? 'short' : ''} ${names.colour(range.owner)}`}
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
      <span class="note">{note(range, copies)}</span>
    </button>
  );
}

function worstLag(range: RangeRow): number {
  return Math.max(0, ...range.replicas.map(({ lag }) => lag ?? 0));
}

/** What matters most about the range, in a word or two. */
function note(range: RangeRow, copies: Copies): string {
  switch (range.condition) {
    case 'read-only':
    case 'starting':
    case 'waiting':
      return range.condition;
    case 'no-lease':
      return 'no lease';
    case 'silent':
      return 'no answer';
    case 'no-owner':
      return `epoch ${range.epoch}`;
    case 'serving':
    case 'unknown': {
      if (isShort(copies)) return copiesCount(copies);
      const lag = worstLag(range);
      return lag > 0 ? `lag ${formatCount(lag)}` : `epoch ${range.epoch}`;
    }
  }
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
  ].join(', ');
}
