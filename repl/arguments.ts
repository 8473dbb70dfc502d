// Turns the words of a command into the arguments of a verb: positional arguments and options, with their kinds. All errors in
// the form of a command are found here, before anything is sent.

import { assert, never } from '../common/base/assert.ts';
import { type Bytes, parseBytes, utf8OrNull } from '../common/base/bytes.ts';
import { nearestWord } from '../common/base/nearest-word.ts';
import { UsageError } from './failures.ts';
import type { Word } from './grammar.ts';

/** `key`, `command`, `namespace` and `node` are bytes and texts for which completion can offer values. */
export type ValueKind = 'key' | 'bytes' | 'text' | 'command' | 'namespace' | 'node' | 'integer';

export interface Parameter {
  /** As shown in the synopsis, in capitals. */
  readonly name: string;
  readonly kind: ValueKind;
  /** Allowed only for the last parameters. */
  readonly optional?: true;
  /** Allowed only for the last one: it takes all words that are left, at least one. */
  readonly many?: true;
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
    /** It takes all words up to the next option, and may be given again. */
    readonly many?: true;
  };
}

export interface Signature {
  /** One word, or two with a blank between them (verb-names.ts). */
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly options: readonly Option[];
}

type SingleValue = Bytes | number | string;
/** A list: of an option that takes many values. */
type Value = SingleValue | readonly SingleValue[] | true;

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

  /** The values of a parameter or an option that takes many. */
  bytesListOrNone(name: string): readonly Bytes[] | undefined {
    const values = this.#values.get(name);
    if (values === undefined) return undefined;
    assert(Array.isArray(values), `argument ${name} is a list`);
    return values.map((value) => {
      assert(value instanceof Uint8Array, `argument ${name} is a list of bytes`);
      return value;
    });
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
  const positions = parameters.map((parameter) => {
    const shown = parameter.many === true ? `${parameter.name}...` : parameter.name;
    return parameter.optional === true ? `[${shown}]` : shown;
  });
  return [name, ...positions, ...options.map((option) => `[${optionSynopsis(option)}]`)].join(' ');
}

export function optionSynopsis({ name, value }: Option): string {
  if (value === undefined) return `--${name}`;
  return `--${name} ${value.choices?.join('|') ?? value.name}${value.many === true ? '...' : ''}`;
}

/** @throws UsageError if the words do not fit the signature. */
export function bind(signature: Signature, words: readonly Word[]): Arguments {
  const values = new Map<string, Value>();
  const positions: Word[] = [];
  let optionsEnd = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as Word;
    if (optionsEnd || !isOption(word)) positions.push(word);
    else if (word.text === '--') optionsEnd = true;
    else i += bindOption(signature, word, words.slice(i + 1), values);
  }
  bindPositions(signature, positions, values);
  return new Arguments(values);
}

function isOption(word: Word): boolean {
  return word.plain && word.text.startsWith('--');
}

/** How many of the words that follow the option are its values. */
function bindOption(
  signature: Signature,
  word: Word,
  following: readonly Word[],
  values: Map<string, Value>,
): number {
  const equals = word.text.indexOf('=');
  const name = word.text.slice(2, equals < 0 ? undefined : equals);
  const option = signature.options.find((candidate) => candidate.name === name);
  if (option === undefined) throw noOption(signature, name);
  const earlier = values.get(name);
  if (earlier !== undefined && option.value?.many !== true)
    throw misuse(signature, `--${name} is given twice`);
  if (option.value === undefined) {
    if (equals >= 0) throw misuse(signature, `--${name} takes no value`);
    values.set(name, true);
    return 0;
  }
  const { value } = option;
  const taken = equals < 0 ? valuesAmong(following, value.many === true) : [];
  const forms = equals < 0 ? taken.map(({ text }) => text) : [word.text.slice(equals + 1)];
  const read = forms.map((form) => readOptionValue(signature, name, value, form));
  const [first] = read;
  if (first === undefined) throw misuse(signature, `--${name} needs ${value.name}`);
  values.set(name, value.many === true ? [...listOf(earlier), ...read] : first);
  return taken.length;
}

/** The words that an option takes as its values: the next one, or all up to the next option. */
function valuesAmong(following: readonly Word[], many: boolean): readonly Word[] {
  if (!many) return following.slice(0, 1);
  const end = following.findIndex(isOption);
  return following.slice(0, end < 0 ? undefined : end);
}

function listOf(value: Value | undefined): readonly SingleValue[] {
  return Array.isArray(value) ? value : [];
}

function readOptionValue(
  signature: Signature,
  name: string,
  { kind, choices }: NonNullable<Option['value']>,
  form: string,
): SingleValue {
  const read = readValue(signature, `--${name}`, kind, form);
  if (choices !== undefined && !choices.includes(String(read)))
    throw misuse(signature, `--${name} is one of ${choices.join(', ')}`);
  return read;
}

function tooMany(first: string, allowed: number): string {
  const words = `too many words, the first is ${first}`;
  return allowed === 0 ? words : `${words} (quotes keep blanks in a word: "one two")`;
}

function bindPositions(signature: Signature, words: readonly Word[], values: Map<string, Value>): void {
  const { parameters } = signature;
  const surplus = parameters.at(-1)?.many === true ? undefined : words[parameters.length];
  if (surplus !== undefined) throw misuse(signature, tooMany(surplus.text, parameters.length));
  parameters.forEach(({ name, kind, optional, many }, i) => {
    const word = words[i];
    const all = many === true ? words.slice(i) : [];
    if (all.length > 0)
      values.set(
        name,
        all.map(({ text }) => readValue(signature, name, kind, text)),
      );
    else if (word !== undefined) values.set(name, readValue(signature, name, kind, word.text));
    else if (optional !== true) throw misuse(signature, `${name} is missing`);
  });
}

function readValue(signature: Signature, name: string, kind: ValueKind, form: string): SingleValue {
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
    case 'command':
    case 'namespace':
    case 'node': {
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
  const meant = nearestWord(
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
