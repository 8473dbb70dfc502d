// CSV (RFC 4180) as `import` reads and `export` writes it. Headings name the columns `key` and `value`, and for bytes that are
// not UTF-8 `key64` and `value64` in base64. Other columns are ignored. The bytes of a field are taken as they are. A row may end
// with CR LF, LF or CR, whatever the other rows end with. If the quotes of a file do not match, the rest of the file cannot be
// read, and the import fails. Only this file imports csv-parse.

import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { type Bytes, emptyBytes, formatBytes, toBytes, utf8OrNull } from '../../common/base/bytes.ts';
import { LIMITS } from '../../common/model/config.ts';
import { bytes, type Column } from '../answer.ts';
import { csvHeadings, csvLine } from '../format/csv.ts';
import { utf8Chunks } from './encoding.ts';
import { type Item, rowItem } from './item.ts';
import { decodeBase64 } from './ndjson.ts';

const COLUMNS: readonly Column[] = [
  { name: 'key', bytes: true },
  { name: 'value', bytes: true },
];

export const CSV_HEADINGS = csvHeadings(COLUMNS);

export function csvRow(key: Bytes, value: Bytes): string {
  return csvLine(COLUMNS, [bytes(key), bytes(value)]);
}

/** Quotes may double a field, base64 adds a third; and there may be other columns. */
const RECORD_BYTES_MAX = 2 * (LIMITS.keyBytesMax + LIMITS.valueBytesMax) + 64 * 1024;

/** Named one by one: otherwise the parser takes the end of the first row for that of all, and `\r` into values. */
const ROW_ENDS = ['\r\n', '\n', '\r'];

const LF = 0x0a;
const CR = 0x0d;

const PROBLEMS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is not closed',
  CSV_INVALID_CLOSING_QUOTE: 'text after a closing quote; a quote inside a quoted field is written twice',
  INVALID_OPENING_QUOTE: 'a quote inside a field that does not begin with one',
  CSV_MAX_RECORD_SIZE: `a row over ${RECORD_BYTES_MAX} bytes; perhaps a quote is not closed`,
};

interface Places {
  readonly width: number;
  readonly at: ReadonlyMap<string, number>;
}

/** @param name names the input in messages. @throws EncodingError, or Error with the line from which on it cannot be read */
export async function* readCsv(input: Readable, name: string): AsyncIterableIterator<Item> {
  /** The first line of the next row, if no empty line had been skipped. */
  let next = 1;
  /** The first lines of rows that were read and still wait in the parser. */
  const lines: number[] = [];
  const parser = parse({
    encoding: null,
    max_record_size: RECORD_BYTES_MAX,
    // Called as soon as a row is read. An error destroys the parser, and the rows that wait in it.
    on_record(record, { empty_lines }) {
      lines.push(next + empty_lines);
      next += linesOf(record);
      return record;
    },
    record_delimiter: ROW_ENDS,
    relax_column_count: true,
    skip_empty_lines: true,
  });
  // An error of the input destroys the parser, which passes the error to the loop below.
  pipeline(input, utf8Chunks, parser, () => {});
  let places: Places | null = null;
  try {
    for await (const row of parser) {
      // Without an encoding fields are bytes.
      const record: readonly Bytes[] = row;
      const from = `${name}:${lines.shift()}`;
      if (places === null) places = readHeadings(record, from);
      else yield readRecord(record, places, from);
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new Error(`${name}:${next + Number(error.empty_lines)}: ${PROBLEMS[error.code] ?? error.message}`);
  }
}

/** How many lines of the file a row takes: fields in quotes may contain line ends. @param record its fields as bytes */
function linesOf(record: readonly ArrayLike<unknown>[]): number {
  let lines = 1;
  for (const field of record) {
    for (let at = 0; at < field.length; at++)
      if (field[at] === LF || (field[at] === CR && field[at + 1] !== LF)) lines++;
  }
  return lines;
}

function readHeadings(record: readonly Bytes[], from: string): Places {
  const names = record.map((field) => utf8OrNull(field)?.trim() ?? '');
  const named = names.map((name) => formatBytes(toBytes(name))).join(', ');
  const found = /[;\t]/.test(names.join()) ? `${named} (a comma must stand between columns)` : named;
  for (const name of ['key', 'value']) {
    if (!names.includes(name) && !names.includes(`${name}64`))
      throw new Error(`${from}: the first line names no column ${name} (nor ${name}64), but: ${found}`);
    for (const column of [name, `${name}64`]) {
      if (names.indexOf(column) !== names.lastIndexOf(column))
        throw new Error(`${from}: the first line names the column ${column} twice`);
    }
  }
  return { width: names.length, at: new Map(names.map((name, i) => [name, i])) };
}

function readRecord(record: readonly Bytes[], places: Places, from: string): Item {
  if (record.length !== places.width)
    return { kind: 'refused', reason: 'not as many fields as headings', from };
  const key = readField(record, places, 'key');
  const value = readField(record, places, 'value');
  if (typeof key === 'string') return { kind: 'refused', reason: key, from };
  if (typeof value === 'string') return { kind: 'refused', reason: value, from };
  return rowItem(key, value, from);
}

/** The bytes of a column, or why it has none. */
function readField(record: readonly Bytes[], { at }: Places, name: string): Bytes | string {
  const field = (column: string) => record[at.get(column) ?? -1] ?? emptyBytes;
  const [plain, encoded] = [field(name), field(`${name}64`)];
  if (encoded.length === 0) return plain;
  if (plain.length > 0) return `both ${name} and ${name}64`;
  return decodeBase64(utf8OrNull(encoded) ?? '?') ?? `${name}64 is not base64`;
}
