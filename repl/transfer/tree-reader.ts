// A directory tree as rows: the path of each file relative to the directory, with `/`, is the key; its bytes are the
// value. Names are bytes, as the file system has them, in their order. Symbolic links and what is neither file nor
// directory are left out and counted; a file that cannot be a value, or cannot be read, is refused and counted. Of a file
// only the bytes are kept: a row has no place for its mode, so that of a file which may be executed is counted as left out.

import { type FileHandle, lstat, open, readdir, stat } from 'node:fs/promises';
import { type Bytes, compareBytes, formatBytes } from '../../common/base/bytes.ts';
import { LIMITS } from '../../common/model/config.ts';
import { type Item, rowItem, VALUE_TOO_LONG } from './item.ts';

const SLASH = Buffer.from('/');
/** Mode bits: somebody may execute it. */
const EXECUTABLE = 0o111;
const EXECUTABLE_LOST = 'permission to execute a file';

/** @throws Error where `root` is no directory or cannot be read. */
export async function* readTree(root: string, prefix: Bytes): AsyncIterableIterator<Item> {
  if (!(await stat(root)).isDirectory()) throw new Error(`${root} is not a directory`);
  yield* readDirectory(Buffer.from(root), Buffer.from(prefix));
}

async function* readDirectory(path: Buffer, key: Buffer): AsyncIterableIterator<Item> {
  const entries = await readdir(path, { encoding: 'buffer', withFileTypes: true });
  entries.sort((a, b) => compareBytes(a.name, b.name));
  for (const entry of entries) {
    const below = Buffer.concat([path, SLASH, entry.name]);
    const name = Buffer.concat([key, entry.name]);
    if (entry.isSymbolicLink()) yield { kind: 'skipped', what: 'symbolic link' };
    else if (entry.isFile()) yield* readFileItems(below, name);
    else if (!entry.isDirectory()) yield { kind: 'skipped', what: 'neither file nor directory' };
    else yield* guardedDirectory(below, Buffer.concat([name, SLASH]));
  }
}

/** A directory below that cannot be read is one refusal, not the end. */
async function* guardedDirectory(path: Buffer, key: Buffer): AsyncIterableIterator<Item> {
  try {
    yield* readDirectory(path, key);
  } catch (error) {
    yield unreadable(path, error);
  }
}

/** The row, and beside it what of the file has no place in a row and would be missed. */
async function* readFileItems(path: Buffer, key: Buffer): AsyncIterableIterator<Item> {
  const from = formatBytes(path);
  try {
    // Asked first, so that a big file is not opened, and one that has become a pipe does not hang the open.
    const about = await lstat(path);
    if (!about.isFile()) yield { kind: 'skipped', what: 'neither file nor directory' };
    else if (about.size > LIMITS.valueBytesMax) yield { kind: 'refused', reason: VALUE_TOO_LONG, from };
    else {
      yield rowItem(key, await readWhole(path, about.size), from);
      if ((about.mode & EXECUTABLE) !== 0) yield { kind: 'skipped', what: EXECUTABLE_LOST };
    }
  } catch (error) {
    yield unreadable(path, error);
  }
}

async function readWhole(path: Buffer, size: number): Promise<Bytes> {
  const file = await open(path, 'r');
  try {
    return await readValue(file, size);
  } finally {
    await file.close();
  }
}

/** All bytes of the file, or as many as are one too many for a value: it may have grown since it was asked. */
async function readValue(file: FileHandle, size: number): Promise<Bytes> {
  let buffer = Buffer.allocUnsafe(size + 1);
  let length = 0;
  while (true) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
    length += bytesRead;
    if (bytesRead === 0 || length > LIMITS.valueBytesMax) return buffer.subarray(0, length);
    if (length < buffer.length) continue;
    const grown = Buffer.allocUnsafe(Math.min(LIMITS.valueBytesMax + 1, buffer.length * 2));
    buffer.copy(grown);
    buffer = grown;
  }
}

function unreadable(path: Buffer, error: unknown): Item {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  return { kind: 'refused', reason: `cannot be read (${code})`, from: formatBytes(path) };
}
