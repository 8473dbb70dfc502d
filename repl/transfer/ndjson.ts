// NDJSON as `import` reads and `export` writes it: one object for each line,
//
//   {"key": "user/1", "value": "ada"}            both UTF-8
//   {"key": "img/1", "value64": "iVBORw0KGgo="}  the value in base64; `key64` likewise
//
// Other fields and blank lines are ignored. A line is refused rather than changed: if a string is not well-formed Unicode (half a
// surrogate pair), which has no UTF-8 form; if a value is a number, which may have more digits than JSON.parse keeps; if a field
// is there twice, of which JSON.parse keeps the last.

import { type Bytes, toBytes } from '../../common/base/bytes.ts';
import { LIMITS } from '../../common/model/config.ts';
import { bytesField } from '../format/json.ts';
import { type Item, rowItem } from './item.ts';
import { type Line, readLines } from './lines.ts';

/** Every byte of a key and a value may be written as \u00NN, and there may be other fields. */
const LINE_BYTES_MAX = 6 * (LIMITS.keyBytesMax + LIMITS.valueBytesMax) + 64 * 1024;

const FIELDS = ['key', 'key64', 'value', 'value64'];

class Refusal extends Error {}

/** @param name names the input in messages. @throws EncodingError */
export async function* readNdjson(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncIterableIterator<Item> {
  for await (const line of readLines(chunks, LINE_BYTES_MAX, 'any')) {
    if (line.problem === null && line.text.trim() === '') continue;
    yield readLine(line, `${name}:${line.number}`);
  }
}

export function ndjsonLine(key: Bytes, value: Bytes): string {
  return `${JSON.stringify({ ...bytesField('key', key), ...bytesField('value', value) })}\n`;
}

function readLine(line: Line, from: string): Item {
  if (line.problem !== null) return { kind: 'refused', reason: line.problem, from };
  try {
    const fields = readObject(line.text);
    return rowItem(readField(fields, 'key'), readField(fields, 'value'), from);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { kind: 'refused', reason: error.message, from };
  }
}

function readObject(text: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Refusal('not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new Refusal('not a JSON object');
  refuseRepeated(fieldNames(text));
  return parsed as Record<string, unknown>;
}

function refuseRepeated(names: readonly string[]): void {
  const repeated = FIELDS.find((field) => names.indexOf(field) !== names.lastIndexOf(field));
  if (repeated !== undefined) throw new Refusal(`${repeated} is there twice`);
}

/** The names of the object's fields in their order, each as often as it is there. @param text valid JSON of an object */
function fieldNames(text: string): readonly string[] {
  const names: string[] = [];
  let depth = 0;
  /** The last character that was neither blank nor part of a name or value. */
  let mark = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    if (character === '"') {
      const end = stringEnd(text, at);
      if (depth === 1 && mark !== ':') names.push(JSON.parse(text.slice(at, end + 1)));
      at = end;
    } else if ('{}[]:,'.includes(character)) {
      mark = character;
      if (character === '{' || character === '[') depth++;
      if (character === '}' || character === ']') depth--;
    }
  }
  return names;
}

/** The place of the quote that ends the string whose first quote is at `start`. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function readField(fields: Readonly<Record<string, unknown>>, name: string): Bytes {
  const [text, encoded] = [fields[name], fields[`${name}64`]];
  if (text !== undefined && encoded !== undefined) throw new Refusal(`both ${name} and ${name}64`);
  if (encoded !== undefined) {
    const decoded = typeof encoded === 'string' ? decodeBase64(encoded) : null;
    if (decoded === null) throw new Refusal(`${name}64 is not base64`);
    return decoded;
  }
  if (text === undefined) throw new Refusal(`no ${name}`);
  if (typeof text !== 'string') throw new Refusal(`${name} is not a string`);
  if (!text.isWellFormed()) throw new Refusal(`${name} is not well-formed Unicode`);
  return toBytes(text);
}

/** Null if `text` is not the exact base64 form of some bytes. */
export function decodeBase64(text: string): Bytes | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
