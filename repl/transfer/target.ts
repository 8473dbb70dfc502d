// What is at the path to which `export` writes. It decides how to write there: a file may be replaced in one step, but a pipe, a
// device or an open descriptor of this process is written to as it is.

import { constants, fstat, type Stats } from 'node:fs';
import { access, lstat, readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { systemCode } from '../../common/base/system-error.ts';
import { namingFile, shownPath } from './file-error.ts';
import { notPassedOn, refuseOwn } from './own-descriptor.ts';

export type FileTarget =
  /** A regular file, or null: nothing is there yet. `path` is where symbolic links lead. */
  | { readonly kind: 'file'; readonly path: string; readonly old: Stats | null }
  | { readonly kind: 'pipe'; readonly path: string }
  | { readonly kind: 'device'; readonly path: string }
  /** A descriptor that whoever started this process has opened, such as `/dev/stdout`, `/dev/fd/3` and `>(command)` of a shell. */
  | { readonly kind: 'descriptor'; readonly descriptor: number; readonly about: Stats };

/** As many as Linux follows. */
const LINKS_MAX = 40;

const statDescriptor = promisify<number, Stats>(fstat);

/** @throws Error if nothing can be written there */
export async function fileTarget(path: string): Promise<FileTarget> {
  const shown = shownPath(path);
  if (path.endsWith('/')) throw isDirectory(shown);
  return namingFile(shown, async () => {
    let at = resolve(path);
    for (let links = 0; links <= LINKS_MAX; links++) {
      const directory = await realpath(dirname(at));
      const descriptor = await descriptorAt(directory, basename(at));
      if (descriptor !== null) return openTarget(descriptor, shown);
      at = join(directory, basename(at));
      const about = await lstatOrNull(at);
      if (about === null) return { kind: 'file', path: at, old: null };
      if (!about.isSymbolicLink()) return existingTarget(at, about, shown);
      at = resolve(directory, await readlink(at));
    }
    throw new Error(`${shown}: too many symbolic links`);
  });
}

async function openTarget(descriptor: number, shown: string): Promise<FileTarget> {
  const about = await statDescriptor(descriptor).catch((error) => {
    throw systemCode(error) === 'EBADF' ? notPassedOn(shown) : error;
  });
  await refuseOwn(shown, about);
  return { kind: 'descriptor', descriptor, about };
}

async function existingTarget(path: string, about: Stats, shown: string): Promise<FileTarget> {
  if (about.isDirectory()) throw isDirectory(shown);
  if (about.isSocket()) throw new Error(`${shown} is a socket`);
  if (about.isFIFO()) return { kind: 'pipe', path };
  if (!about.isFile()) return { kind: 'device', path };
  // A rename needs no permission for the file itself, so a file that may not be written would be replaced.
  await access(path, constants.W_OK);
  return { kind: 'file', path, old: about };
}

function isDirectory(shown: string): Error {
  return new Error(`${shown} is a directory: export --tree writes a file for each key`);
}

/** The number of the descriptor, if the directory has the descriptors of this process; else null. */
async function descriptorAt(directory: string, name: string): Promise<number | null> {
  if (!/^\d{1,9}$/.test(name)) return null;
  const descriptors = await realpath('/proc/self/fd').catch(() => '/dev/fd');
  return directory === descriptors ? Number(name) : null;
}

async function lstatOrNull(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}
