// Writes an answer in one of the four output formats. In `json` an answer is one document, in `ndjson` one line for each row.
// JSON and CSV show a byte string that is not UTF-8 in base64, in a field of its own (`value` becomes `value64`), so that it
// can be read back exactly. A table shows such bytes as `\xNN`. `get` in a pipe writes the bytes
// of the value as they are.

import { never } from '../../common/base/assert.ts';
import { wrapped } from '../../common/process/terminal-text.ts';
import { visible } from '../../common/process/visible.ts';
import type { Answer } from '../answer.ts';
import type { Screen } from '../screen.ts';
import { writeCsv } from './csv.ts';
import { recordJson, writeJson, writeNdjson } from './json.ts';
import { writeTable } from './table.ts';

export const OUTPUT_FORMATS = ['table', 'json', 'ndjson', 'csv'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export async function writeAnswer(screen: Screen, format: OutputFormat, answer: Answer): Promise<void> {
  switch (answer.kind) {
    case 'written':
    case 'leave':
      break;
    case 'text':
      await screen.write(`${forScreen(screen, answer.text)}\n`);
      break;
    case 'exact':
      await screen.writeExactly(answer.bytes);
      break;
    case 'record':
      await writeRecord(screen, format, answer);
      break;
    case 'rows':
      await writeRows(screen, format, answer);
      break;
    default:
      never(answer);
  }
  await screen.flush();
}

/** On a terminal, lines are broken between words. */
function forScreen(screen: Screen, text: string): string {
  return screen.width === null ? text : wrapped(text, screen.width);
}

async function writeRecord(
  screen: Screen,
  format: OutputFormat,
  answer: Extract<Answer, { kind: 'record' }>,
): Promise<void> {
  const { columns, row } = answer;
  switch (format) {
    case 'table':
      return row === null ? undefined : writeText(screen, answer);
    case 'json':
      return screen.write(row === null ? 'null\n' : `${recordJson(columns, row)}\n`);
    case 'ndjson':
      return row === null ? undefined : screen.write(`${recordJson(columns, row)}\n`);
    case 'csv':
      return writeCsv(screen, columns, rowsOf(row));
    default:
      return never(format);
  }
}

async function writeText(
  screen: Screen,
  { text, piped }: Extract<Answer, { kind: 'record' }>,
): Promise<void> {
  if (piped === undefined || screen.width !== null) return screen.write(`${visible(text)}\n`);
  await screen.writeExactly(piped);
  await screen.write('\n');
}

async function* rowsOf<T>(row: T | null): AsyncIterableIterator<T> {
  if (row !== null) yield row;
}

async function writeRows(
  screen: Screen,
  format: OutputFormat,
  answer: Extract<Answer, { kind: 'rows' }>,
): Promise<void> {
  switch (format) {
    case 'table':
      return writeTable(screen, answer.columns, answer.rows, answer.headings);
    case 'json':
      return writeJson(screen, answer.columns, answer.rows);
    case 'ndjson':
      return writeNdjson(screen, answer.columns, answer.rows);
    case 'csv':
      return writeCsv(screen, answer.columns, answer.rows);
    default:
      return never(format);
  }
}
