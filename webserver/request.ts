// Parses requests strictly. An unknown or repeated parameter, bad percent-encoding, or a number out of bounds is INVALID_ARGUMENT with
// one sentence. The client library checks the limits of keys and values.

import { type Bytes, utf8OrNull } from '../common/base/bytes.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import { percentDecode } from '../common/base/percent-encoding.ts';
import { LIMITS } from '../common/model/config.ts';
import { READ_MODES, type ReadMode } from '../common/model/read-mode.ts';

function bad(message: string): RangekeeperError {
  return new RangekeeperError('INVALID_ARGUMENT', message);
}

/** The query of a request. Every value is bytes, percent-encoded; as in every query, `+` is a space. */
export class Query {
  readonly #values: ReadonlyMap<string, Bytes>;

  /**
   * @param query what follows the `?` of the URL, as it was sent
   * @param names the allowed parameters
   */
  constructor(query: string, names: readonly string[]) {
    const values = new Map<string, Bytes>();
    for (const parameter of query.split('&').filter((part) => part !== '')) {
      const [encoded = '', ...rest] = parameter.split('=');
      const name = textOf('a name', decode('a name', encoded));
      if (!names.includes(name)) throw bad(`unknown parameter ${name} (${thereIs(names)})`);
      if (values.has(name)) throw bad(`the parameter ${name} is given more than once`);
      values.set(name, decode(name, rest.join('=')));
    }
    this.#values = values;
  }

  text(name: string): string | undefined {
    const bytes = this.#values.get(name);
    return bytes === undefined ? undefined : textOf(name, bytes);
  }

  bytes(name: string): Bytes | undefined {
    return this.#values.get(name);
  }

  key(): Bytes {
    const key = this.bytes('key');
    if (key === undefined) throw bad('the parameter key is missing');
    return key;
  }

  integer(name: string, min: number, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= min && number <= max)) throw bad(`${name} is a whole number from ${min} to ${max}`);
    return number;
  }

  flag(name: string): boolean {
    const text = this.text(name);
    if (text !== undefined && text !== '1' && text !== '0') throw bad(`${name} is 1 or 0`);
    return text === '1';
  }

  readMode(): ReadMode {
    const text = this.text('read') ?? 'linearizable';
    const mode = READ_MODES.find((candidate) => candidate === text);
    if (mode === undefined) throw bad(`read is one of ${READ_MODES.join(', ')}`);
    return mode;
  }
}

function thereIs(names: readonly string[]): string {
  return names.length === 0 ? 'there is none' : `there is ${names.join(', ')}`;
}

function decode(name: string, encoded: string): Bytes {
  try {
    return percentDecode(encoded.replaceAll('+', '%20'));
  } catch (error) {
    throw bad(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function textOf(name: string, bytes: Bytes): string {
  const text = utf8OrNull(bytes);
  if (text === null) throw bad(`${name} is not UTF-8 text`);
  return text;
}

/** The body of a write. @param names the allowed fields */
export function readBody(body: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw bad('a write needs a JSON object as its body');
  const unknown = Object.keys(body).find((name) => !names.includes(name));
  if (unknown !== undefined) throw bad(`unknown field ${unknown} (there is ${names.join(', ')})`);
  return body as Readonly<Record<string, unknown>>;
}

export function readValue(value: unknown): Bytes {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : null;
  // Node decodes any text to something. Bytes have one base64 form, so this also refuses bits that would be lost.
  if (bytes === null || bytes.toString('base64') !== value) throw bad('value is base64 text');
  if (bytes.length > LIMITS.valueBytesMax)
    throw bad(`the value has ${bytes.length} bytes, at most ${LIMITS.valueBytesMax}`);
  return bytes;
}

export function readRevision(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw bad('ifRevision is a whole number, 0 for a key that must be absent');
  return value;
}
