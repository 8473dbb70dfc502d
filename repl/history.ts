// The history: the lines of earlier sessions, in a file of the user's. If the file cannot be read or written, there is no
// history; that is not an error.

import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

export const HISTORY_LINES_MAX = 1_000;

/** `$XDG_STATE_HOME/rangekeeper/history` if that variable is set, else `~/.rangekeeper_history`. */
export function historyPath(environment: Readonly<Record<string, string | undefined>>): string {
  const state = environment.XDG_STATE_HOME;
  return state === undefined || state === ''
    ? join(homedir(), '.rangekeeper_history')
    : join(state, 'rangekeeper', 'history');
}

/** The lines, newest first as readline expects them. Shortens a file that has grown too long. */
export async function loadHistory(path: string): Promise<string[]> {
  try {
    const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
    const kept = lines.slice(-HISTORY_LINES_MAX);
    if (lines.length > 2 * HISTORY_LINES_MAX) await replace(path, kept);
    return kept.reverse();
  } catch {
    return [];
  }
}

/**
 * Appends, so that sessions that run at the same time keep each other's lines. Only the user can read the file: values may be
 * private.
 */
export async function saveToHistory(path: string, line: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await appendFile(path, `${line}\n`, { mode: 0o600 });
  } catch {
    return;
  }
}

async function replace(path: string, lines: readonly string[]): Promise<void> {
  const next = `${path}.${process.pid}`;
  await writeFile(next, `${lines.join('\n')}\n`, { mode: 0o600 });
  await rename(next, path);
}
