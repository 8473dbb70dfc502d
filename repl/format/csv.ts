// CSV as in RFC 4180: comma, double quotes, CRLF, one line of headings. For every column of byte strings there is a second
// column at the end, whose name has the suffix `64`. One of the two is filled: the second one, in base64, if the bytes are not
// UTF-8.

import { never } from '../../common/base/assert.ts';
import { utf8OrNull } from '../../common/base/bytes.ts';
import type { Cell, Column, Row } from '../answer.ts';
import type { Screen } from '../screen.ts';
import { base64 } from './json.ts';

export async function writeCsv(
  screen: Screen,
  columns: readonly Column[],
  rows: AsyncIterable<Row>,
): Promise<void> {
  await screen.write(csvHeadings(columns));
  for await (const row of rows) await screen.write(csvLine(columns, row));
}

export function csvHeadings(columns: readonly Column[]): string {
  const encoded = columns.filter((column) => column.bytes === true).map((column) => `${column.name}64`);
  return line([...columns.map((column) => column.name), ...encoded]);
}

export function csvLine(columns: readonly Column[], row: Row): string {
  const cells = columns.map((_, i) => row[i] ?? ({ kind: 'none' } as const));
  const byteCells = cells.filter((_, i) => columns[i]?.bytes === true);
  return line([...cells.map(plainText), ...byteCells.map(base64Text)]);
}

function line(fields: readonly string[]): string {
  return `${fields.map(quote).join(',')}\r\n`;
}

function quote(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

function base64Text(cell: Cell): string {
  return cell.kind === 'bytes' && utf8OrNull(cell.bytes) === null ? base64(cell.bytes) : '';
}

function plainText(cell: Cell): string {
  switch (cell.kind) {
    case 'none':
      return '';
    case 'bytes':
      return utf8OrNull(cell.bytes) ?? '';
    case 'text':
      return cell.text;
    case 'number':
      return String(cell.number);
    case 'flag':
      return String(cell.flag);
    case 'node':
      return cell.node.id;
    case 'nodes':
      return cell.nodes.map((node) => node.id).join(' ');
    case 'counts':
      return Object.entries(cell.counts)
        .map(([name, count]) => `${name}: ${count}`)
        .join('; ');
    default:
      return never(cell);
  }
}
