// JSON and NDJSON. A byte string is a JSON string if it is UTF-8; otherwise it is base64, in a field whose name has the suffix
// `64`. `import` reads both forms. Control characters that JSON would allow as they are, such as U+009B, are escaped, too.

import { never } from '../../common/base/assert.ts';
import { type Bytes, utf8OrNull } from '../../common/base/bytes.ts';
import { visible } from '../../common/process/visible.ts';
import type { Cell, Column, Row } from '../answer.ts';
import type { Screen } from '../screen.ts';

type Json = null | string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

export async function writeJson(
  screen: Screen,
  columns: readonly Column[],
  rows: AsyncIterable<Row>,
): Promise<void> {
  let before = '[\n  ';
  for await (const row of rows) {
    await screen.write(`${before}${recordJson(columns, row)}`);
    before = ',\n  ';
  }
  await screen.write(before.startsWith('[') ? '[]\n' : '\n]\n');
}

export async function writeNdjson(
  screen: Screen,
  columns: readonly Column[],
  rows: AsyncIterable<Row>,
): Promise<void> {
  for await (const row of rows) await screen.write(`${recordJson(columns, row)}\n`);
}

export function recordJson(columns: readonly Column[], row: Row): string {
  const fields: Record<string, Json> = {};
  columns.forEach(({ name }, i) => {
    const cell = row[i];
    if (cell === undefined) return;
    if (cell.kind === 'bytes') Object.assign(fields, bytesField(name, cell.bytes));
    else fields[name] = cellJson(cell);
  });
  return visible(JSON.stringify(fields));
}

/** `{ name: text }`, or `{ name64: base64 }` if the bytes are not UTF-8. */
export function bytesField(name: string, bytes: Bytes): Readonly<Record<string, string>> {
  const text = utf8OrNull(bytes);
  return text === null ? { [`${name}64`]: base64(bytes) } : { [name]: text };
}

export function base64(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function cellJson(cell: Exclude<Cell, { kind: 'bytes' }>): Json {
  switch (cell.kind) {
    case 'none':
      return null;
    case 'text':
      return cell.text;
    case 'number':
      return cell.number;
    case 'flag':
      return cell.flag;
    case 'node':
      return { ...cell.node };
    case 'nodes':
      return cell.nodes.map((node) => ({ ...node }));
    case 'counts':
      return { ...cell.counts };
    default:
      return never(cell);
  }
}
