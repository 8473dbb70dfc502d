// Tables for people. The first rows decide the widths of the columns; numbers are aligned to the right. On a terminal a long
// value is cut to the line, and its length is shown. In a pipe, or if it is the only column, it is not cut. Rows are written as
// they come, except that the first ones wait until the widths are known.

import { never } from '../../common/base/assert.ts';
import { formatBytes } from '../../common/base/bytes.ts';
import type { Cell, Column, Row } from '../answer.ts';
import type { Screen } from '../screen.ts';

/** How many rows decide the widths of the columns. */
const SAMPLE_ROWS = 100;
/** A column is not made wider than this for a long cell, which moves the rest of its line to the right. */
const SAMPLE_WIDTH_MAX = 48;
/** The last column may take at least this many characters. */
const LAST_WIDTH_MIN = 20;
const GAP = '  ';

interface Layout {
  readonly widths: readonly number[];
  readonly right: readonly boolean[];
  /** The longest cell of the last column, in characters; null: any length. */
  readonly lastMax: number | null;
}

export async function writeTable(
  screen: Screen,
  columns: readonly Column[],
  rows: AsyncIterable<Row>,
  headings: boolean,
): Promise<void> {
  const names = columns.filter(isShown).map((column) => (headings ? heading(column.name) : ''));
  let sample: Row[] | null = [];
  let layout: Layout | null = null;
  const begin = async (): Promise<Layout> => {
    const begun = measure(names, sample ?? [], screen.width);
    if (headings) await screen.write(renderLine(names, begun));
    for (const row of sample ?? []) await screen.write(renderRow(row, begun));
    sample = null;
    return begun;
  };
  for await (const row of rows) {
    const shown = row.filter((_, i) => isShown(columns[i]));
    if (sample !== null) sample.push(shown);
    if (layout !== null) await screen.write(renderRow(shown, layout));
    else if (sample !== null && sample.length === SAMPLE_ROWS) layout = await begin();
  }
  if (layout === null) await begin();
}

function isShown(column: Column | undefined): boolean {
  return column !== undefined && column.hidden !== true;
}

/** `inSync` → `IN SYNC` */
function heading(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter}`).toUpperCase();
}

function measure(names: readonly string[], sample: readonly Row[], screen: number | null): Layout {
  const widths = names.map((name, i) =>
    Math.max(name.length, ...sample.map((row) => Math.min(SAMPLE_WIDTH_MAX, width(shownCell(row[i]))))),
  );
  const right = names.map((_, i) => {
    const kinds = sample.map((row) => row[i]?.kind ?? 'none');
    return kinds.includes('number') && kinds.every((kind) => kind === 'number' || kind === 'none');
  });
  const before = widths.slice(0, -1).reduce((total, each) => total + each + GAP.length, 0);
  const lastMax = screen === null || names.length < 2 ? null : Math.max(LAST_WIDTH_MIN, screen - before);
  return { widths, right, lastMax };
}

function renderRow(row: Row, layout: Layout): string {
  const texts = row.map((cell, i) =>
    i === row.length - 1 ? cutCell(cell, layout.lastMax) : shownCell(cell),
  );
  return renderLine(texts, layout);
}

function renderLine(texts: readonly string[], { widths, right }: Layout): string {
  const padded = texts.map((text, i) => {
    const room = ' '.repeat(Math.max(0, (widths[i] ?? 0) - width(text)));
    if (right[i] === true) return room + text;
    return i === texts.length - 1 ? text : text + room;
  });
  return `${padded.join(GAP)}\n`;
}

function shownCell(cell: Cell | undefined): string {
  return cell === undefined ? '' : cellText(cell);
}

function cutCell(cell: Cell, max: number | null): string {
  const text = cellText(cell);
  if (max === null || text.length <= max) return text;
  const length = cell.kind === 'bytes' ? `… (${cell.bytes.length} B)` : '…';
  return [...text].slice(0, max - length.length).join('') + length;
}

/** In code points, although some of them take two columns or none: good enough for most keys and names. */
function width(text: string): number {
  return [...text].length;
}

export function cellText(cell: Cell): string {
  switch (cell.kind) {
    case 'none':
      return '-';
    case 'bytes':
      return cell.bytes.length === 0 ? '""' : formatBytes(cell.bytes);
    case 'text':
      return cell.text;
    case 'number':
      return String(cell.number);
    case 'flag':
      return cell.flag ? 'yes' : 'no';
    case 'node':
      return cell.node.name;
    case 'nodes':
      return cell.nodes.length === 0 ? '-' : cell.nodes.map((node) => node.name).join(' ');
    case 'counts':
      return Object.entries(cell.counts)
        .map(([name, count]) => `${name} ${count}`)
        .join(', ');
    default:
      return never(cell);
  }
}
