// Tables for people. The first rows decide the layout; numbers are aligned to the right. On a terminal a long value is cut to the
// line, and its length is shown. In a pipe, or if it is the only column, it is not cut. Rows are written as they come, except that the
// first ones wait until the layout is known.

import { never } from '../../common/base/assert.ts';
import { formatBytes } from '../../common/base/bytes.ts';
import { fitting, textWidth, wrapped } from '../../common/process/terminal-text.ts';
import { visibleLine } from '../../common/process/visible.ts';
import type { Cell, Column, Row } from '../answer.ts';
import type { Screen } from '../screen.ts';
import { GAP, type Layout, layOut, type PlacedColumn } from './layout.ts';

/** How many rows decide the layout. */
const SAMPLE_ROWS = 100;
const BELOW_INDENT = ' '.repeat(6);
/** In a narrower column there is no room for the length of a value that is cut. */
const TAIL_WIDTH_MIN = 20;

export async function writeTable(
  screen: Screen,
  columns: readonly Column[],
  rows: AsyncIterable<Row>,
  headings: boolean,
): Promise<void> {
  let sample: Row[] | null = [];
  let layout: Layout | null = null;
  const begin = async (): Promise<Layout> => {
    const begun = layoutFor(columns, sample ?? [], headings, screen.width);
    if (headings) await screen.write(renderLine(begun, ({ heading }) => heading));
    for (const row of sample ?? []) await screen.write(renderRow(row, begun, screen.width));
    sample = null;
    return begun;
  };
  for await (const row of rows) {
    if (sample !== null) sample.push(row);
    if (layout !== null) await screen.write(renderRow(row, layout, screen.width));
    else if (sample !== null && sample.length === SAMPLE_ROWS) layout = await begin();
  }
  layout ??= await begin();
  await sayWhatIsMissing(screen, layout);
}

function layoutFor(
  columns: readonly Column[],
  sample: readonly Row[],
  headings: boolean,
  screen: number | null,
): Layout {
  const sampled = columns.map((column, at) => {
    const kinds = sample.map((row) => row[at]?.kind ?? 'none');
    return {
      column,
      at,
      heading: headings ? heading(column.name) : '',
      cells: sample.map((row) => shownCell(row[at])),
      right: kinds.includes('number') && kinds.every((kind) => kind === 'number' || kind === 'none'),
    };
  });
  return layOut(
    sampled.filter(({ column }) => column.hidden !== true),
    screen,
  );
}

/** `inSync` → `IN SYNC` */
function heading(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter}`).toUpperCase();
}

function renderRow(row: Row, layout: Layout, screen: number | null): string {
  const line = renderLine(layout, ({ at, max }) => cutCell(row[at], max));
  const below = layout.below.flatMap(({ at, heading: name }) => {
    const cell = row[at];
    if (cell === undefined || cell.kind === 'none') return [];
    const text = `${BELOW_INDENT}${name.toLowerCase()}: ${cellText(cell)}`;
    return `${screen === null ? text : wrapped(text, screen)}\n`;
  });
  return line + below.join('');
}

function renderLine({ inLine }: Layout, textOf: (column: PlacedColumn) => string): string {
  const padded = inLine.map((column, i) => {
    const text = textOf(column);
    if (i === inLine.length - 1 && !column.right) return text;
    const room = ' '.repeat(Math.max(0, column.width - textWidth(text)));
    return column.right ? room + text : text + room;
  });
  return `${padded.join(GAP)}\n`;
}

async function sayWhatIsMissing(screen: Screen, { dropped }: Layout): Promise<void> {
  if (dropped.length === 0) return;
  // After the rows, on a terminal that shows both.
  await screen.flush();
  const names = dropped.map(({ heading: name }) => name.toLowerCase()).join(', ');
  screen.say(`no room for: ${names} (--output json shows them)`);
}

function shownCell(cell: Cell | undefined): string {
  return cell === undefined ? '' : cellText(cell);
}

function cutCell(cell: Cell | undefined, max: number | null): string {
  const text = shownCell(cell);
  if (max === null || fitting(text, max) === text) return text;
  const tail = cell?.kind === 'bytes' && max >= TAIL_WIDTH_MIN ? `… (${cell.bytes.length} B)` : '…';
  return fitting(text, max - textWidth(tail)) + tail;
}

/** On one line, and without control characters. */
function cellText(cell: Cell): string {
  switch (cell.kind) {
    case 'none':
      return '-';
    case 'bytes':
      return cell.bytes.length === 0 ? '""' : formatBytes(cell.bytes);
    case 'text':
      return visibleLine(cell.text);
    case 'number':
      return String(cell.number);
    case 'flag':
      return cell.flag ? 'yes' : 'no';
    case 'node':
      return visibleLine(cell.node.name);
    case 'nodes':
      return cell.nodes.length === 0 ? '-' : cell.nodes.map((node) => visibleLine(node.name)).join(' ');
    case 'counts':
      return Object.entries(cell.counts)
        .map(([name, count]) => `${visibleLine(name)} ${count}`)
        .join(', ');
    default:
      return never(cell);
  }
}
