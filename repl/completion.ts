// Completion by Tab: verbs, options, fixed values, and keys of the cluster. Keys are looked up by prefix, with a short
// deadline. If the cluster does not answer, Tab does nothing.

import type { Client } from '../client/api.ts';
import { type Bytes, formatBytes, parseBytes } from '../common/base/bytes.ts';
import { delay } from '../common/base/env.ts';
import type { Option, ValueKind } from './arguments.ts';
import { quoteWord, readCommands, type Word } from './grammar.ts';
import type { Session, Verb } from './session.ts';
import { verbNamed } from './verb-names.ts';

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
  const [first, ...rest] = cursor.before;
  if (first === undefined) return startingWith(cursor.raw.toLowerCase(), verbNames(session));
  const verb = verbNamed(session.verbs, first.text);
  if (verb === undefined) return [];
  const option = optionBefore(verb, rest);
  if (option?.value !== undefined)
    return valuesFor(session, cursor, option.value.kind, option.value.choices ?? []);
  if (cursor.raw.startsWith('--')) return startingWith(cursor.raw, unusedOptions(verb, rest));
  const parameter = verb.parameters[countPositions(verb, rest)];
  if (parameter !== undefined) return valuesFor(session, cursor, parameter.kind, []);
  return cursor.raw === '' ? unusedOptions(verb, rest) : [];
}

function verbNames(session: Session): string[] {
  return session.verbs.map((verb) => verb.name);
}

function startingWith(start: string, names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith(start));
}

/** The option whose value comes after `words`, if any. */
function optionBefore(verb: Verb, words: readonly Word[]): Option | undefined {
  const last = words.at(-1);
  return last?.plain === true ? verb.options.find(({ name }) => last.text === `--${name}`) : undefined;
}

function unusedOptions(verb: Verb, words: readonly Word[]): string[] {
  const used = new Set(words.map((word) => word.text));
  return verb.options.map(({ name }) => `--${name}`).filter((name) => !used.has(name));
}

function countPositions(verb: Verb, words: readonly Word[]): number {
  let positions = 0;
  for (let i = 0; i < words.length; i++) {
    if (words[i]?.text.startsWith('--') !== true) positions++;
    else if (optionBefore(verb, words.slice(0, i + 1))?.value !== undefined) i++;
  }
  return positions;
}

async function valuesFor(
  session: Session,
  cursor: Cursor,
  kind: ValueKind,
  choices: readonly string[],
): Promise<string[]> {
  if (kind === 'command') return startingWith(cursor.raw.toLowerCase(), verbNames(session));
  if (kind !== 'key') return startingWith(cursor.raw, choices);
  const keys = await keysBeginning(session, cursor.text);
  return keys.map((key) => (cursor.raw.startsWith('"') ? alwaysQuoted(key) : quoteWord(formatBytes(key))));
}

function alwaysQuoted(key: Bytes): string {
  return `"${formatBytes(key).replaceAll('"', '\\"')}"`;
}

async function keysBeginning(session: Session, text: string): Promise<readonly Bytes[]> {
  try {
    const prefix = parseBytes(text);
    const found = session.client().then((client) => askKeys(client, prefix));
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
