// The lines of earlier sessions. Kept where the user's other state is kept; that it cannot be read or written is no
// error, there is only nothing to look back at.

import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

export const HISTORY_LINES_MAX = 1_000;

/** `$XDG_STATE_HOME/rangekeeper/history` where that is set, else `~/.rangekeeper_history`. */
export function historyPath(environment: Readonly<Record<string, string | undefined>>): string {
  const state = environment.XDG_STATE_HOME;
  return state === undefined || state === ''
    ? join(homedir(), '.rangekeeper_history')
    : join(state, 'rangekeeper', 'history');
}

/** The newest first, as readline wants them. A file that has grown is cut. */
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

/** Appends, so that several sessions at once keep each other's lines. Values may be private: for the user only. */
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
