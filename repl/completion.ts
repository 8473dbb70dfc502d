// Completion by Tab: verbs, options, fixed values, namespaces, and keys of the cluster. Keys are looked up by prefix, with a short
// deadline. If the cluster does not answer, Tab does nothing.

import type { Client } from '../client/api.ts';
import { type Bytes, formatBytes, parseBytes } from '../common/base/bytes.ts';
import { delay } from '../common/base/env.ts';
import type { Option, ValueKind } from './arguments.ts';
import { quoteWord, readCommands, type Word } from './grammar.ts';
import type { Session, Verb } from './session.ts';
import { findVerb, nextWords } from './verb-names.ts';

const KEYS_MAX = 100;
const WAIT_MS = 500;

/** The word that is being typed, as typed, and the words before it in its command. */
interface Cursor {
  readonly before: readonly Word[];
  readonly raw: string;
  /** The word in the text form of common/base/bytes.ts. */
  readonly text: string;
}

/**
 * For readline: the candidates for the end of `line`, and the part of the line that they replace.
 * @param before the lines before it of the same input, each with its newline
 */
export async function complete(session: Session, line: string, before = ''): Promise<[string[], string]> {
  const cursor = cursorOf(before + line);
  // A word that began on an earlier line is the value of somebody who is writing it.
  if (cursor === null || cursor.raw.length > line.length) return [[], line];
  const candidates = await candidatesFor(session, cursor);
  // A single candidate completes the word, so a blank follows.
  const ended = candidates.length === 1 ? candidates.map((candidate) => `${candidate} `) : candidates;
  return [ended, cursor.raw];
}

/** Null: the command cannot be completed, because its form is wrong. */
function cursorOf(text: string): Cursor | null {
  const { words = [], fault = null } = readCommands(text).commands.at(-1) ?? {};
  if (fault !== null) return null;
  const last = words.at(-1);
  if (last === undefined || /[;\n]/.test(text.slice(last.to))) return { before: [], raw: '', text: '' };
  if (last.to < text.length) return { before: words, raw: '', text: '' };
  return { before: words.slice(0, -1), raw: text.slice(last.from), text: last.text };
}

async function candidatesFor(session: Session, cursor: Cursor): Promise<string[]> {
  const found = findVerb(session.verbs, cursor.before);
  if (found === null) return commandsFor(session, cursor, cursor.before);
  const { verb, rest } = found;
  const { option, positions } = expected(verb, rest);
  const typesOption = cursor.raw.startsWith('--') && option?.value?.many !== undefined;
  if (option?.value !== undefined && !typesOption)
    return valuesFor(session, cursor, option.value.kind, option.value.choices ?? []);
  if (cursor.raw.startsWith('--')) return startingWith(cursor.raw, unusedOptions(verb, rest));
  const last = verb.parameters.at(-1);
  const parameter = verb.parameters[positions] ?? (last?.many === true ? last : undefined);
  // `help` takes the words of a verb's name.
  if (parameter?.kind === 'command') return commandsFor(session, cursor, rest);
  if (parameter !== undefined) return valuesFor(session, cursor, parameter.kind, []);
  return cursor.raw === '' ? unusedOptions(verb, rest) : [];
}

/** The next word of a verb's name that begins with the words `before`. */
function commandsFor(session: Session, cursor: Cursor, before: readonly Word[]): string[] {
  const first = before.map(({ text }) => text);
  return startingWith(cursor.raw.toLowerCase(), nextWords(session.verbs, first));
}

function startingWith(start: string, names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith(start));
}

/** What may come after `words`: a value of this option, or else the parameter after so many. */
function expected(
  verb: Verb,
  words: readonly Word[],
): { readonly option: Option | undefined; readonly positions: number } {
  let option: Option | undefined;
  let positions = 0;
  for (const { text, plain } of words) {
    if (plain && text.startsWith('--')) option = verb.options.find(({ name }) => text === `--${name}`);
    else if (option?.value === undefined) positions++;
    else if (option.value.many !== true) option = undefined;
  }
  return { option, positions };
}

function unusedOptions(verb: Verb, words: readonly Word[]): string[] {
  const used = new Set(words.map((word) => word.text));
  return verb.options.map(({ name }) => `--${name}`).filter((name) => !used.has(name));
}

async function valuesFor(
  session: Session,
  cursor: Cursor,
  kind: ValueKind,
  choices: readonly string[],
): Promise<string[]> {
  if (kind === 'namespace') return startingWith(cursor.raw, await askInTime(session, namesOfNamespaces));
  if (kind === 'node') return startingWith(cursor.raw, await askInTime(session, namesOfNodes));
  if (kind !== 'key') return startingWith(cursor.raw, choices);
  const keys = await keysBeginning(session, cursor.text);
  return keys.map((key) => (cursor.raw.startsWith('"') ? alwaysQuoted(key) : quoteWord(formatBytes(key))));
}

function alwaysQuoted(key: Bytes): string {
  return `"${formatBytes(key).replaceAll('"', '\\"')}"`;
}

async function namesOfNamespaces(client: Client): Promise<readonly string[]> {
  return (await client.namespaces()).map(({ name }) => name);
}

async function namesOfNodes(client: Client): Promise<readonly string[]> {
  return [...new Set(client.nodes().map(({ id, record }) => record?.name ?? id))].sort();
}

function keysBeginning(session: Session, text: string): Promise<readonly Bytes[]> {
  return askInTime(session, async (client) => askKeys(client, parseBytes(text)));
}

/** What the cluster answers; nothing if it does not answer in time. */
async function askInTime<T>(
  session: Session,
  ask: (client: Client) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  try {
    const found = session.client().then(ask);
    found.catch(() => {});
    return await Promise.race([found, delay(session.env, WAIT_MS).then(() => [])]);
  } catch {
    return [];
  }
}

/** The first keys, and the last one if there are more: the prefix that these have in common, all keys have. */
async function askKeys(client: Client, prefix: Bytes): Promise<readonly Bytes[]> {
  const options = { prefix, keysOnly: true, read: 'fallback', deadlineMs: WAIT_MS } as const;
  const page = await client.scanPage({ ...options, limit: KEYS_MAX });
  const keys = page.rows.map((row) => row.key);
  if (page.cursor === null) return keys;
  const last = await client.scanPage({ ...options, limit: 1, reverse: true });
  return [...keys, ...last.rows.map((row) => row.key)];
}
