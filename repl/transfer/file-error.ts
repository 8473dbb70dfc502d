// Failures of the file system in one line: the path as the user gave it, with control characters escaped, and what is wrong with it
// in words. Messages of Node.js itself name the call instead, and quote the path as it is.

import { getSystemErrorMap } from 'node:util';
import { formatBytes, toBytes } from '../../common/base/bytes.ts';
import { systemCode } from '../../common/base/system-error.ts';

/** A path as messages show it. */
export function shownPath(path: string): string {
  return formatBytes(toBytes(path));
}

/** The error with `shown` in front. An error that is not of the system stays as it is. @param shown a path in its shown form */
export function fileError(shown: string, error: unknown): unknown {
  return error instanceof Error ? inWords(shown, error) : error;
}

/** As {@link fileError}. */
export function inWords(shown: string, error: Error): Error {
  const code = systemCode(error);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  const words = [...getSystemErrorMap().values()].find(([name]) => name === code)?.[1];
  return new Error(`${shown}: ${words ?? 'failed'} (${code})`, { cause: error });
}

/** The result of `work`. An error of the system gets the path in front. */
export async function namingFile<T>(shown: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(shown, error);
  }
}
