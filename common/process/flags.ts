// Command lines, declared as tables. From one table come the typed values, the --help text, the environment variables and the
// errors. A flag `sessionMs` is given by --session-ms or RANGEKEEPER_SESSION_MS; the command line wins. Use:
//
//   const COMMAND = {
//     name: 'rangekeeper kvnode',
//     summary: 'Stores ranges and replicates them.',
//     flags: { zk: ZK_FLAG, data: text({ value: 'DIR', help: 'data directory' }), sessionMs: sessionFlag(4_000) },
//   } as const satisfies Command;
//   const { zk, data, sessionMs } = readFlags(COMMAND, argv).values;   // string, string, number
//
// A flag without `fallback` must be given; `fallback: null` makes it optional (T | null). readFlags throws ProcessExit for --help
// and --version (code 0, stdout) and for a wrong command line (code 64, one line on stderr). A main must not catch it: runMain
// (main.ts) does.

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { parseByteSize } from '../base/byte-size.ts';
import { nearestWord } from '../base/nearest-word.ts';
import { isEveryAddress, isReachable, parseAddress } from '../model/address.ts';
import { parseConnectString } from '../model/connect-string.ts';
import { EXIT, ProcessExit } from './exit.ts';
import { NAME_AND_VERSION } from './version.ts';

export interface FlagBase {
  /** One line: what it does, with the unit. */
  readonly help: string;
  readonly short?: string | undefined;
  /** Name of the value in the help, such as DIR. */
  readonly value: string;
  /** The default as the help shows it; null: nothing is shown. */
  readonly shownDefault: string | null;
}

/** A flag with one value, a flag without a value, or a flag that may be given several times. */
export type Flag<T> =
  | (FlagBase & {
      readonly kind: 'single';
      /** Throws an Error whose message is shown behind `--name: `. */
      readonly read: (text: string) => T;
      readonly fallback: T | undefined;
    })
  | (FlagBase & { readonly kind: 'toggle' })
  | (FlagBase & { readonly kind: 'list' });

type ValueOf<F> = F extends { kind: 'toggle' }
  ? boolean
  : F extends { kind: 'list' }
    ? readonly string[]
    : F extends { kind: 'single'; read: (text: string) => unknown; fallback: infer T }
      ? Exclude<T, undefined>
      : never;

export interface Command {
  /** As typed: `rangekeeper kvnode`. */
  readonly name: string;
  /** One or more lines for the help. */
  readonly summary: string;
  readonly flags: Readonly<Record<string, Flag<unknown>>>;
  /** The positional arguments as the usage line shows them; absent: none are allowed. */
  readonly positionals?: string;
  /** More lines at the end of the help: examples, exit codes. */
  readonly epilog?: string;
}

export interface ParsedFlags<C extends Command> {
  readonly values: { readonly [K in keyof C['flags']]: ValueOf<C['flags'][K]> };
  readonly positionals: readonly string[];
  /** Names of the flags that were given, on the command line or by an environment variable. */
  readonly given: ReadonlySet<keyof C['flags']>;
}

interface Common<F> {
  readonly help: string;
  readonly short?: string;
  readonly value?: string;
  readonly fallback?: F;
}

type Single<T> = Extract<Flag<T>, { kind: 'single' }>;

function single<T, F extends T | null>(
  options: Common<F>,
  value: string,
  read: (text: string) => T,
): Single<T | F> {
  const { fallback } = options;
  const shownDefault = fallback === undefined || fallback === null ? null : String(fallback);
  return {
    kind: 'single',
    help: options.help,
    short: options.short,
    value: options.value ?? value,
    shownDefault,
    read,
    fallback,
  };
}

/** Any text that is not empty. */
export function text<F extends string | null = string>(options: Common<F>): Single<string | F> {
  return single<string, F>(options, 'TEXT', (given) => {
    if (given === '') throw new Error('is empty');
    return given;
  });
}

/** A whole number within [min, max]. The help must name its unit. */
export function integer<F extends number | null = number>(
  options: Common<F> & { readonly min: number; readonly max: number },
): Single<number | F> {
  const { min, max } = options;
  return single<number, F>(options, 'N', (given) => {
    const number = /^-?[0-9]{1,15}$/.test(given) ? Number(given) : Number.NaN;
    if (!(number >= min && number <= max)) throw new Error(`${given} is not a number from ${min} to ${max}`);
    return number;
  });
}

/**
 * An amount of memory or disk, such as 512MB or 1GiB; its value is in bytes. `faultOf` says what is wrong with an amount; null:
 * nothing.
 */
export function byteSize<F extends number | null = number>(
  options: Common<F> & { readonly faultOf: (bytes: number) => string | null },
): Single<number | F> {
  return single<number, F>(options, 'BYTES', (given) => {
    const bytes = parseByteSize(given);
    if (bytes === null) throw new Error(`${given} is not an amount such as 512MB or 1GiB`);
    const fault = options.faultOf(bytes);
    if (fault !== null) throw new Error(fault);
    return bytes;
  });
}

/** One of several words. */
export function choice<const W extends string, F extends W | null = W>(
  options: Common<F> & { readonly words: readonly W[] },
): Single<W | F> {
  return single<W, F>(options, options.words.join('|'), (given) => {
    const word = options.words.find((candidate) => candidate === given);
    if (word === undefined) throw new Error(`${given} is none of ${options.words.join(', ')}`);
    return word;
  });
}

/** `host:port`; port 0 picks a free one. */
export function address<F extends string | null = string>(options: Common<F>): Single<string | F> {
  return single<string, F>(options, 'HOST:PORT', (given) => {
    parseAddress(given);
    return given;
  });
}

/** True if the flag is given, or its environment variable is 1, true or yes. */
export function toggle(options: { readonly help: string; readonly short?: string }): Flag<boolean> & {
  kind: 'toggle';
} {
  return { kind: 'toggle', help: options.help, short: options.short, value: '', shownDefault: null };
}

/** May be given several times. The environment variable holds one value. */
export function list(options: {
  readonly help: string;
  readonly value: string;
  readonly short?: string;
}): Flag<readonly string[]> & { kind: 'list' } {
  return {
    kind: 'list',
    help: options.help,
    short: options.short,
    value: options.value,
    shownDefault: null,
  };
}

/** `host:port` that others connect to: one host, and a port other than 0. */
export function advertised<F extends string | null = string>(options: Common<F>): Single<string | F> {
  return single<string, F>(options, 'HOST:PORT', (given) => {
    if (!isReachable(parseAddress(given))) throw new Error(`others cannot connect to ${given}`);
    return given;
  });
}

/** The connect string of ZooKeeper: the same flag in every process. */
export const ZK_FLAG = single<string, string>(
  {
    help: 'ZooKeeper servers and the root znode of the cluster',
    fallback: '127.0.0.1:2181/rangekeeper',
  },
  'HOST:PORT,.../ROOT',
  (given) => {
    parseConnectString(given);
    return given;
  },
);

/**
 * For a process that publishes its address. Throws {@link ProcessExit} if it listens on all addresses of the machine and --advertise
 * does not say which one others should connect to.
 */
export function checkAdvertised(
  command: Command,
  { listen, advertise }: { readonly listen: string; readonly advertise: string | null },
): void {
  if (advertise === null && isEveryAddress(parseAddress(listen).host))
    throw usage(command, `--listen ${listen} names no host that others can connect to: give --advertise`);
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The flag for the log level. */
export function logLevelFlag(fallback: LogLevel) {
  return choice<LogLevel, LogLevel>({
    help: 'least severe log lines to write to stderr',
    value: 'LEVEL',
    words: LOG_LEVELS,
    fallback,
  });
}

/** The flag for T, the ZooKeeper session timeout to request. */
export function sessionFlag(fallback: number) {
  return integer<number>({
    help: 'ZooKeeper session timeout to request, ms',
    value: 'MS',
    min: 500,
    max: 600_000,
    fallback,
  });
}

/** `sessionMs` → `session-ms` */
function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `sessionMs` → `RANGEKEEPER_SESSION_MS` */
export function twinOf(key: string): string {
  return `RANGEKEEPER_${flagName(key).replaceAll('-', '_').toUpperCase()}`;
}

type Environment = Readonly<Record<string, string | undefined>>;
type RawValue = string | boolean | (string | boolean)[];
type OptionTable = NonNullable<ParseArgsConfig['options']>;

/** The values of a command line. Throws {@link ProcessExit} for --help, for --version and for a wrong command line. */
export function readFlags<C extends Command>(
  command: C,
  argv: readonly string[],
  environment: Environment = process.env,
): ParsedFlags<C> {
  const raw = parseRaw(command, argv);
  if (raw.values.help === true) throw new ProcessExit(EXIT.ok, helpText(command));
  if (raw.values.version === true) throw new ProcessExit(EXIT.ok, NAME_AND_VERSION);
  const given = new Set<string>();
  const values: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(command.flags)) {
    const source = sourceOf(key, raw.values[flagName(key)], environment);
    if (source !== null) given.add(key);
    values[key] = valueFrom(command, key, flag, source);
  }
  return { values, positionals: raw.positionals, given } as ParsedFlags<C>;
}

interface Source {
  /** `--data` or `RANGEKEEPER_DATA`. */
  readonly label: string;
  readonly value: RawValue;
}

function sourceOf(key: string, raw: RawValue | undefined, environment: Environment): Source | null {
  if (raw !== undefined) return { label: `--${flagName(key)}`, value: raw };
  const twin = environment[twinOf(key)];
  // An empty variable counts as absent, so that compose files and scripts can pass an unset one on.
  return twin === undefined || twin === '' ? null : { label: twinOf(key), value: twin };
}

function valueFrom(command: Command, key: string, flag: Flag<unknown>, source: Source | null): unknown {
  switch (flag.kind) {
    case 'list':
      return source === null ? [] : [source.value].flat().map(String);
    case 'toggle':
      return source !== null && readToggle(command, source);
    case 'single':
      if (source !== null) return readSingle(command, flag.read, source);
      if (flag.fallback === undefined) throw usage(command, `--${flagName(key)} is missing`);
      return flag.fallback;
  }
}

function readToggle(command: Command, { label, value }: Source): boolean {
  if (value === true || value === '1' || value === 'true' || value === 'yes') return true;
  if (value === '0' || value === 'false' || value === 'no') return false;
  throw usage(command, `${label}: ${String(value)} is neither 1 nor 0`);
}

function readSingle(command: Command, read: (text: string) => unknown, source: Source): unknown {
  try {
    return read(String(source.value));
  } catch (error) {
    throw usage(command, `${source.label}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseRaw(
  command: Command,
  argv: readonly string[],
): { values: Record<string, RawValue | undefined>; positionals: readonly string[] } {
  const options: OptionTable = {
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean', short: 'V' },
  };
  for (const [key, flag] of Object.entries(command.flags)) {
    options[flagName(key)] = {
      type: flag.kind === 'toggle' ? 'boolean' : 'string',
      multiple: flag.kind === 'list',
      ...(flag.short === undefined ? {} : { short: flag.short }),
    };
  }
  try {
    return parseArgs({
      args: [...argv],
      options,
      strict: true,
      allowPositionals: command.positionals !== undefined,
    });
  } catch (error) {
    const fault = unknownFlag(options, argv) ?? (error instanceof Error ? error.message : String(error));
    throw usage(command, firstSentence(fault));
  }
}

/** What is wrong with the first flag that does not exist; null: all of them exist. */
function unknownFlag(options: OptionTable, argv: readonly string[]): string | null {
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind !== 'option' || Object.hasOwn(options, token.name)) continue;
    const meant = nearestWord(token.name, Object.keys(options));
    return `unknown option '${token.rawName}'${meant === null ? '' : `, did you mean --${meant}?`}`;
  }
  return null;
}

/** Messages of parseArgs have several lines. The first sentence says what is wrong. */
function firstSentence(message: string): string {
  const [line = message] = message.split('\n');
  const sentence = /^(.*?)\. /.exec(line)?.[1] ?? line;
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, '');
}

function usage(command: Command, message: string): ProcessExit {
  return new ProcessExit(EXIT.usage, `${command.name}: ${message} (see ${command.name} --help)`);
}

/** The whole text of --help. */
export function helpText(command: Command): string {
  const rows = Object.entries(command.flags).map(([key, flag]) => helpRow(key, flag));
  rows.push({ left: '-h, --help', right: 'show this text' });
  rows.push({ left: '-V, --version', right: 'show the name and the version of this program' });
  const width = Math.min(36, Math.max(...rows.map((row) => row.left.length)));
  const lines = rows.map(({ left, right }) =>
    left.length > width ? `  ${left}\n  ${' '.repeat(width)}  ${right}` : `  ${left.padEnd(width)}  ${right}`,
  );
  const positionals = command.positionals === undefined ? '' : ` ${command.positionals}`;
  return [
    command.summary,
    '',
    `usage: ${command.name} [flags]${positionals}`,
    '',
    ...lines,
    '',
    'Each flag can also be given by the environment variable in brackets; the command line wins.',
    ...(command.epilog === undefined ? [] : ['', command.epilog]),
  ].join('\n');
}

function helpRow(key: string, flag: Flag<unknown>): { left: string; right: string } {
  const short = flag.short === undefined ? '' : `-${flag.short}, `;
  const value = flag.kind === 'toggle' ? '' : ` ${flag.value}`;
  const several = flag.kind === 'list' ? '; may be given several times' : '';
  const required = flag.kind === 'single' && flag.fallback === undefined ? 'required; ' : '';
  const shown = flag.shownDefault === null ? '' : `default ${flag.shownDefault}; `;
  return {
    left: `${short}--${flagName(key)}${value}`,
    right: `${flag.help}${several} [${required}${shown}${twinOf(key)}]`,
  };
}
