// Reads JSON from outside, field by field. The reader asks for each field by its type and bounds, and gets a BadDataError for what
// does not fit. Other fields are ignored, as a newer version may have added them. The decoders of znodes and of a node's status are
// made with this. Nothing else may turn outside JSON into a record.

import { type Bytes, parseBytes } from '../base/bytes.ts';

/** Data from outside is not as it should be. The message is one short line that names the field. */
export class BadDataError extends Error {
  override readonly name = 'BadDataError';
}

/** The data was written by another version, in a format that this one does not know. */
export class UnknownFormatError extends BadDataError {}

/**
 * The highest id, epoch, seq or version that is accepted from outside. It is below the highest exact integer, so that counting on
 * from it stays exact.
 */
export const COUNTER_MAX = 2 ** 52;

/** Ids of nodes and sessions, and other names from outside. */
const ID = /^[A-Za-z0-9._:-]{1,64}$/;
/** Characters that a line of text must not have. */
const CONTROL = /\p{Cc}/u;
const UNIX_MS_MAX = 8.64e15;
/** Characters of a value that an error shows. */
const SHOWN_MAX = 40;

export type Reader<T> = (field: Field) => T;

/** One value of unknown type, with its path for errors. */
export class Field {
  readonly #name: string;
  readonly #value: unknown;

  private constructor(name: string, value: unknown) {
    this.#name = name;
    this.#value = value;
  }

  static parse(data: Bytes): Field {
    try {
      return new Field('', JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data)));
    } catch {
      throw new BadDataError('not JSON');
    }
  }

  /** A field of this object. An absent one counts as null. */
  get(name: string): Field {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.bad('no object');
    const inner = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : null;
    return new Field(this.#name === '' ? name : `${this.#name}.${name}`, inner);
  }

  /** What `read` gives, or null if the value is null or absent. */
  orNull<T>(read: Reader<T>): T | null {
    return this.#value === null || this.#value === undefined ? null : read(this);
  }

  list<T>(lengthMax: number, read: Reader<T>): T[] {
    const value = this.#value;
    if (!Array.isArray(value)) throw this.bad('no list');
    if (value.length > lengthMax) throw this.bad(`more than ${lengthMax} items`);
    return value.map((item, index) => read(new Field(`${this.#name}[${index}]`, item)));
  }

  /** An object whose names are ids. */
  byId<T>(sizeMax: number, read: Reader<T>): Record<string, T> {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.bad('no object');
    const names = Object.keys(value);
    if (names.length > sizeMax) throw this.bad(`more than ${sizeMax} items`);
    if (!names.every((name) => ID.test(name))) throw this.bad('no object by ids');
    return Object.fromEntries(names.map((name) => [name, read(this.get(name))]));
  }

  flag(): boolean {
    const value = this.#value;
    if (typeof value !== 'boolean') throw this.bad('neither true nor false');
    return value;
  }

  /** A whole number within [min, max]. */
  integer(min = 0, max = COUNTER_MAX): number {
    const value = this.#value;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
      throw this.bad(`no whole number from ${min} to ${max}`);
    return value;
  }

  /** Any finite number that is not negative. */
  amount(): number {
    const value = this.#value;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
      throw this.bad('no number from 0 on');
    return value;
  }

  /** Unix ms that a Date can hold. */
  time(): number {
    const time = this.amount();
    if (time > UNIX_MS_MAX) throw this.bad('no time');
    return time;
  }

  word<const W extends string>(words: readonly W[]): W {
    const word = words.find((candidate) => candidate === this.#value);
    if (word === undefined) throw this.bad(`none of ${words.join(', ')}`);
    return word;
  }

  /** One line of text, which may be empty. */
  line(lengthMax = 256): string {
    const text = this.text(lengthMax);
    if (CONTROL.test(text)) throw this.bad('no line of text');
    return text;
  }

  text(lengthMax: number): string {
    const value = this.#value;
    if (typeof value !== 'string') throw this.bad('no text');
    if (value.length > lengthMax) throw this.bad(`longer than ${lengthMax} characters`);
    return value;
  }

  id(): string {
    const text = this.text(64);
    if (!ID.test(text)) throw this.bad('no id');
    return text;
  }

  /** Bytes in formatBytes' text form. */
  bytes(lengthMax: number): Bytes {
    // A byte takes up to four characters.
    const text = this.text(4 * lengthMax);
    let bytes: Bytes;
    try {
      bytes = parseBytes(text);
    } catch {
      throw this.bad('no bytes in text form');
    }
    if (bytes.length > lengthMax) throw this.bad(`more than ${lengthMax} bytes`);
    return bytes;
  }

  /** The error that says what is wrong with this field, for the reader to throw. */
  bad(fault: string): BadDataError {
    const json = JSON.stringify(this.#value) ?? 'nothing';
    const shown = json.length > SHOWN_MAX ? `${json.slice(0, SHOWN_MAX)}...` : json;
    return new BadDataError(`${this.#name === '' ? 'the data' : this.#name} is ${fault}: ${shown}`);
  }
}
