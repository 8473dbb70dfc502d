// Turns the words of a command into the arguments of a verb: positional arguments and options, with their kinds. All errors in
// the form of a command are found here, before anything is sent.

import { assert, never } from '../common/base/assert.ts';
import { type Bytes, parseBytes, utf8OrNull } from '../common/base/bytes.ts';
import { nearest } from '../common/process/nearest.ts';
import { UsageError } from './failures.ts';
import type { Word } from './grammar.ts';

/** `key` and `command` are bytes and text for which completion can offer values. */
export type ValueKind = 'key' | 'bytes' | 'text' | 'command' | 'integer';

export interface Parameter {
  /** As shown in the synopsis, in capitals. */
  readonly name: string;
  readonly kind: ValueKind;
  /** Allowed only for the last parameters. */
  readonly optional?: true;
}

export interface Option {
  /** Without the two dashes. */
  readonly name: string;
  readonly help: string;
  /** Absent: the option takes no value. */
  readonly value?: {
    readonly name: string;
    readonly kind: ValueKind;
    readonly choices?: readonly string[];
  };
}

export interface Signature {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly options: readonly Option[];
}

type Value = Bytes | number | string | true;

/** The arguments of one command, by the names in the signature. */
export class Arguments {
  readonly #values: ReadonlyMap<string, Value>;

  constructor(values: ReadonlyMap<string, Value>) {
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  bytes(name: string): Bytes {
    const value = this.#values.get(name);
    assert(value instanceof Uint8Array, `argument ${name} is bytes`);
    return value;
  }

  integer(name: string): number {
    const value = this.#values.get(name);
    assert(typeof value === 'number', `argument ${name} is an integer`);
    return value;
  }

  text(name: string): string {
    const value = this.#values.get(name);
    assert(typeof value === 'string', `argument ${name} is text`);
    return value;
  }

  bytesOrNone(name: string): Bytes | undefined {
    return this.has(name) ? this.bytes(name) : undefined;
  }

  integerOrNone(name: string): number | undefined {
    return this.has(name) ? this.integer(name) : undefined;
  }

  textOrNone(name: string): string | undefined {
    return this.has(name) ? this.text(name) : undefined;
  }
}

/** Such as `put KEY VALUE [--if-revision N]`. */
export function synopsis({ name, parameters, options }: Signature): string {
  const positions = parameters.map((parameter) =>
    parameter.optional === true ? `[${parameter.name}]` : parameter.name,
  );
  return [name, ...positions, ...options.map((option) => `[${optionSynopsis(option)}]`)].join(' ');
}

export function optionSynopsis({ name, value }: Option): string {
  return value === undefined ? `--${name}` : `--${name} ${value.choices?.join('|') ?? value.name}`;
}

/** @throws UsageError if the words do not fit the signature. */
export function bind(signature: Signature, words: readonly Word[]): Arguments {
  const values = new Map<string, Value>();
  const positions: Word[] = [];
  let optionsEnd = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as Word;
    if (optionsEnd || !word.plain || !word.text.startsWith('--')) positions.push(word);
    else if (word.text === '--') optionsEnd = true;
    else if (bindOption(signature, word, words[i + 1], values)) i++;
  }
  bindPositions(signature, positions, values);
  return new Arguments(values);
}

/** Whether the option took the next word as its value. */
function bindOption(
  signature: Signature,
  word: Word,
  next: Word | undefined,
  values: Map<string, Value>,
): boolean {
  const equals = word.text.indexOf('=');
  const name = word.text.slice(2, equals < 0 ? undefined : equals);
  const option = signature.options.find((candidate) => candidate.name === name);
  if (option === undefined) throw noOption(signature, name);
  if (values.has(name)) throw misuse(signature, `--${name} is given twice`);
  if (option.value === undefined) {
    if (equals >= 0) throw misuse(signature, `--${name} takes no value`);
    values.set(name, true);
    return false;
  }
  const form = equals < 0 ? next?.text : word.text.slice(equals + 1);
  if (form === undefined) throw misuse(signature, `--${name} needs ${option.value.name}`);
  const value = readValue(signature, `--${name}`, option.value.kind, form);
  const { choices } = option.value;
  if (choices !== undefined && !choices.includes(String(value)))
    throw misuse(signature, `--${name} is one of ${choices.join(', ')}`);
  values.set(name, value);
  return equals < 0;
}

function bindPositions(signature: Signature, words: readonly Word[], values: Map<string, Value>): void {
  const { parameters } = signature;
  if (words.length > parameters.length)
    throw misuse(signature, `too many words, the first is ${(words[parameters.length] as Word).text}`);
  parameters.forEach(({ name, kind, optional }, i) => {
    const word = words[i];
    if (word !== undefined) values.set(name, readValue(signature, name, kind, word.text));
    else if (optional !== true) throw misuse(signature, `${name} is missing`);
  });
}

function readValue(signature: Signature, name: string, kind: ValueKind, form: string): Value {
  let value: Bytes;
  try {
    value = parseBytes(form);
  } catch (error) {
    throw misuse(signature, `${name}: ${error instanceof Error ? error.message : error}`);
  }
  switch (kind) {
    case 'key':
    case 'bytes':
      return value;
    case 'text':
    case 'command': {
      const text = utf8OrNull(value);
      if (text === null || text === '') throw misuse(signature, `${name} must be text`);
      return text;
    }
    case 'integer': {
      const number = /^\d+$/.test(form) ? Number(form) : Number.NaN;
      if (!Number.isSafeInteger(number)) throw misuse(signature, `${name} is a whole number, not ${form}`);
      return number;
    }
    default:
      return never(kind);
  }
}

function noOption(signature: Signature, name: string): UsageError {
  const meant = nearest(
    name,
    signature.options.map((option) => option.name),
  );
  return misuse(
    signature,
    `there is no option --${name}${meant === null ? '' : `, did you mean --${meant}?`}`,
  );
}

function misuse(signature: Signature, complaint: string): UsageError {
  return new UsageError(`${signature.name}: ${complaint}\nusage: ${synopsis(signature)}`);
}
