// CSV (RFC 4180) as `import` reads and `export` writes it. Headings name the columns `key` and `value`, and for bytes that are
// not UTF-8 `key64` and `value64` in base64. Other columns are ignored. The bytes of a field are taken as they are. If the
// quotes of a file do not match, the rest of the file cannot be read, and the import fails. Only this file imports csv-parse.

import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { CsvError, type Info, parse } from 'csv-parse';
import { type Bytes, emptyBytes, utf8OrNull } from '../../common/base/bytes.ts';
import { LIMITS } from '../../common/model/config.ts';
import { bytes, type Column } from '../answer.ts';
import { csvHeadings, csvLine } from '../format/csv.ts';
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

interface CsvRecord {
  readonly record: readonly Uint8Array[];
  readonly info: Info;
}

interface Places {
  readonly width: number;
  readonly at: ReadonlyMap<string, number>;
}

export async function* readCsv(input: Readable): AsyncIterableIterator<Item> {
  const parser = parse({
    bom: true,
    encoding: null,
    info: true,
    max_record_size: RECORD_BYTES_MAX,
    relax_column_count: true,
    skip_empty_lines: true,
  });
  // An error of the input destroys the parser, which passes the error to the loop below.
  pipeline(input, parser, () => {});
  let places: Places | null = null;
  try {
    for await (const next of parser) {
      const { record, info } = next as CsvRecord;
      if (places === null) places = readHeadings(record);
      else yield readRecord(record, places, `line ${info.lines}`);
    }
  } catch (error) {
    throw error instanceof CsvError ? new Error(`CSV: ${error.message}`) : error;
  }
}

function readHeadings(record: readonly Uint8Array[]): Places {
  const names = record.map((field) => utf8OrNull(field)?.trim() ?? '');
  for (const name of ['key', 'value']) {
    if (!names.includes(name) && !names.includes(`${name}64`))
      throw new Error(`CSV: the first line names no column ${name} (nor ${name}64)`);
  }
  return { width: names.length, at: new Map(names.map((name, i) => [name, i])) };
}

function readRecord(record: readonly Uint8Array[], places: Places, from: string): Item {
  if (record.length !== places.width)
    return { kind: 'refused', reason: 'not as many fields as headings', from };
  const key = readField(record, places, 'key');
  const value = readField(record, places, 'value');
  if (key === null) return { kind: 'refused', reason: 'key64 is not base64', from };
  if (value === null) return { kind: 'refused', reason: 'value64 is not base64', from };
  return rowItem(key, value, from);
}

function readField(record: readonly Uint8Array[], { at }: Places, name: string): Bytes | null {
  const field = (column: string) => record[at.get(column) ?? -1] ?? emptyBytes;
  const encoded = field(`${name}64`);
  return encoded.length > 0 ? decodeBase64(utf8OrNull(encoded) ?? '?') : field(name);
}
