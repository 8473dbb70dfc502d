// The history: the inputs of earlier sessions, in a file of the user's. An input may have several lines; in the file, its further
// lines begin with a tab. If the file cannot be read or written, there is no history; that is not an error.

import { type FileHandle, mkdir, open, realpath, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

export const HISTORY_ENTRIES_MAX = 1_000;
const MODE = 0o600;
const CONTINUED = '\t';

/**
 * `$XDG_STATE_HOME/rangekeeper/history` if that variable is set, else `~/.rangekeeper_history`. Null: the user has no home directory.
 */
export function historyPath(
  environment: Readonly<Record<string, string | undefined>>,
  home: () => string = homedir,
): string | null {
  const state = environment.XDG_STATE_HOME;
  if (state !== undefined && state !== '') return join(state, 'rangekeeper', 'history');
  try {
    return join(home(), '.rangekeeper_history');
  } catch {
    // Without HOME, Node.js asks for the user's entry in the list of users, which a container may not have.
    return null;
  }
}

/** The entries, newest first as readline expects them. Makes the file private, and shortens one that has grown too long. */
export async function loadHistory(path: string): Promise<string[]> {
  try {
    const entries = parseEntries(await readPrivately(path));
    const kept = entries.slice(-HISTORY_ENTRIES_MAX);
    if (entries.length > 2 * HISTORY_ENTRIES_MAX) await replace(path, kept);
    return kept.reverse();
  } catch {
    return [];
  }
}

/**
 * Appends, so that sessions that run at the same time keep each other's entries. Only the user can read the file: values may be
 * private.
 */
export async function saveToHistory(path: string, entry: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, 'a', MODE);
    try {
      await makePrivate(file);
      await file.appendFile(formatEntry(entry));
    } finally {
      await file.close();
    }
  } catch {
    return;
  }
}

async function readPrivately(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    await makePrivate(file);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** A device such as /dev/null is left as it is. */
async function makePrivate(file: FileHandle): Promise<void> {
  const stat = await file.stat();
  if (stat.isFile() && (stat.mode & 0o777) !== MODE) await file.chmod(MODE);
}

async function replace(path: string, entries: readonly string[]): Promise<void> {
  const target = await realpath(path);
  const next = `${target}.${process.pid}`;
  await writeFile(next, entries.map(formatEntry).join(''), { mode: MODE });
  await rename(next, target);
}

function formatEntry(entry: string): string {
  return `${entry.trimStart().replaceAll('\n', `\n${CONTINUED}`)}\n`;
}

function parseEntries(text: string): string[] {
  const entries: string[] = [];
  for (const line of text.split('\n')) {
    const last = entries.at(-1);
    if (line.startsWith(CONTINUED) && last !== undefined)
      entries[entries.length - 1] = `${last}\n${line.slice(1)}`;
    else if (line !== '') entries.push(line);
  }
  return entries;
}
