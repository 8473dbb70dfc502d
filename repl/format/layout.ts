// Where the columns of a table stand. The first rows decide the widths. On a terminal that is too narrow, columns give way as their
// `narrow` says: first those that get a line of their own, then those that are left out, then those that are shortened.

import { textWidth } from '../../common/process/terminal-text.ts';
import type { Column } from '../answer.ts';

/** A column with its cells in the first rows. */
export interface SampledColumn {
  readonly column: Column;
  /** Its place in the rows. */
  readonly at: number;
  readonly heading: string;
  readonly cells: readonly string[];
  /** Numbers are aligned to the right. */
  readonly right: boolean;
}

export interface PlacedColumn extends SampledColumn {
  readonly width: number;
  /** The longest cell, in columns of the terminal; longer ones are cut. Null: any length. */
  readonly max: number | null;
}

export interface Layout {
  /** From left to right. */
  readonly inLine: readonly PlacedColumn[];
  /** Those that get a line of their own below the row. */
  readonly below: readonly SampledColumn[];
  /** Those that are left out. */
  readonly dropped: readonly SampledColumn[];
}

export const GAP = '  ';
/** A column is not made wider than this for a long cell, which moves the rest of its line to the right. */
const SAMPLE_WIDTH_MAX = 48;
/** The last column may take at least so many columns of the terminal. */
const LAST_WIDTH_MIN = 20;

type Measured = SampledColumn & { readonly width: number };

/** @param screen the width of the terminal; null: there is none, and nothing gives way */
export function layOut(columns: readonly SampledColumn[], screen: number | null): Layout {
  const measured = columns.map((column) => ({ ...column, width: naturalWidth(column) }));
  if (screen === null || totalWidth(measured) <= screen)
    return { inLine: place(measured, screen), below: [], dropped: [] };
  const below = measured.filter(({ column }) => column.narrow?.kind === 'below');
  const dropped: Measured[] = [];
  const left = () => measured.filter((column) => !below.includes(column) && !dropped.includes(column));
  for (const column of inDropOrder(measured)) if (leastWidth(left()) > screen) dropped.push(column);
  return { inLine: place(shortened(left(), screen), screen), below, dropped };
}

function inDropOrder(columns: readonly Measured[]): readonly Measured[] {
  const order = ({ column: { narrow } }: Measured) => (narrow?.kind === 'drop' ? narrow.order : null);
  return columns.filter((column) => order(column) !== null).sort((a, b) => (order(a) ?? 0) - (order(b) ?? 0));
}

/** The widest of the columns that may be shortened gives way until the line fits. */
function shortened(columns: readonly Measured[], screen: number): readonly Measured[] {
  const widths = columns.map(({ width }) => width);
  for (let excess = totalWidth(columns) - screen; excess > 0; excess--) {
    let widest: number | null = null;
    columns.forEach(({ column }, i) => {
      if (column.narrow?.kind !== 'shorten' || (widths[i] ?? 0) <= column.narrow.least) return;
      if (widest === null || (widths[i] ?? 0) > (widths[widest] ?? 0)) widest = i;
    });
    if (widest === null) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return columns.map((column, i) => ({ ...column, width: widths[i] ?? column.width }));
}

function place(columns: readonly Measured[], screen: number | null): readonly PlacedColumn[] {
  return columns.map((column, i) => {
    if (screen === null || columns.length < 2) return { ...column, max: null };
    if (i === columns.length - 1) {
      const before = totalWidth(columns.slice(0, -1)) + GAP.length;
      return { ...column, max: Math.max(LAST_WIDTH_MIN, screen - before) };
    }
    return { ...column, max: column.column.narrow?.kind === 'shorten' ? column.width : null };
  });
}

function totalWidth(columns: readonly Measured[]): number {
  return columns.reduce((total, { width }) => total + width, (columns.length - 1) * GAP.length);
}

/** As {@link totalWidth}, with all columns shortened as far as they may be. */
function leastWidth(columns: readonly Measured[]): number {
  const least = ({ column: { narrow }, width }: Measured) =>
    narrow?.kind === 'shorten' ? Math.min(width, narrow.least) : width;
  return totalWidth(columns.map((column) => ({ ...column, width: least(column) })));
}

function naturalWidth({ column, heading, cells }: SampledColumn): number {
  // A cell that may get a line of its own must not be cut instead.
  const cellMax = column.narrow?.kind === 'below' ? Number.POSITIVE_INFINITY : SAMPLE_WIDTH_MAX;
  // A character takes at most two columns of a terminal, so the rest of a long cell makes no difference.
  const width = (cell: string) => Math.min(cellMax, textWidth(cell.slice(0, cellMax)));
  return Math.max(textWidth(heading), ...cells.map(width));
}
