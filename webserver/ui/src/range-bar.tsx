// The ranges of a namespace side by side, in key order. The Tab key stops once at the bar; arrows, Home and End move inside it.

import { useRef } from 'preact/hooks';
import type { RangeId } from '../../../common/model/ids.ts';
import type { RangeRow, ReplicaRow } from '../../feed.ts';
import { formatCount, formatEnd, formatStart } from './format.ts';
import type { Names } from './names.ts';

/** What the width of a range in the bar shows. */
export type Width = 'equal' | 'entries';

interface RangeBarProps {
  readonly label: string;
  readonly ranges: readonly RangeRow[];
  readonly names: Names;
  readonly width: Width;
  readonly selected: RangeId | null;
  readonly select: (range: RangeId | null) => void;
}

export function RangeBar({ label, ranges, names, width, selected, select }: RangeBarProps) {
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
  readonly names: Names;
  readonly weight: number;
  readonly selected: boolean;
  readonly tabStop: boolean;
  readonly toggle: () => void;
}

function Segment({ range, names, weight, selected, tabStop, toggle }: SegmentProps) {
  const lag = worstLag(range);
  return (
    <button
      type="button"
      class={`segment ${range.condition} ${names.colour(range.owner)}`}
      style={{ flexGrow: String(weight) }}
      aria-pressed={selected}
      title={describe(range, names)}
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
            class={`pip ${pipClass(range, replica)} ${names.colour(replica.node)} ${names.alive(replica.node) ? '' : 'gone'}`}
          />
        ))}
      </span>
      <span class="note">
        {note(range) ?? (lag > 0 ? `lag ${formatCount(lag)}` : `epoch ${range.epoch}`)}
      </span>
    </button>
  );
}

export function pipClass(range: RangeRow, replica: ReplicaRow): string {
  if (replica.node === range.owner) return 'owner';
  return replica.inSync ? 'in-sync' : 'learner';
}

function worstLag(range: RangeRow): number {
  return Math.max(0, ...range.replicas.map(({ lag }) => lag ?? 0));
}

function note(range: RangeRow): string | null {
  switch (range.condition) {
    case 'read-only':
      return 'read-only';
    case 'starting':
      return 'starting';
    case 'silent':
      return 'no answer';
    case 'no-owner':
      return `epoch ${range.epoch}`;
    case 'serving':
    case 'unknown':
      return null;
  }
}

function describe(range: RangeRow, names: Names): string {
  const inSync = range.replicas.filter((replica) => replica.inSync).length;
  return [
    `Range ${range.id}, from ${formatStart(range.start)} to ${formatEnd(range.end)}`,
    range.condition === 'no-owner'
      ? `no owner, last ${names.of(range.owner)}`
      : `owner ${names.of(range.owner)}`,
    `epoch ${range.epoch}`,
    `${inSync} of ${range.replicas.length} in-sync`,
    `lag ${formatCount(worstLag(range))}`,
    range.condition,
  ].join(', ');
}
