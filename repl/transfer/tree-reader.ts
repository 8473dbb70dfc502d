// Reads a directory tree as rows. The key is the path of a file relative to the directory, with `/`; the value is the bytes of
// the file. Names are bytes, as in the file system, and are read in their order. Symbolic links, and what is neither file nor
// directory, are skipped and counted. A file that is too long, or cannot be read, is refused and counted. Only the bytes of a
// file are kept, not its mode; an executable file is counted as a skipped permission.

import { type FileHandle, lstat, open, readdir, stat } from 'node:fs/promises';
import { type Bytes, compareBytes, formatBytes } from '../../common/base/bytes.ts';
import { systemCode } from '../../common/base/system-error.ts';
import { LIMITS } from '../../common/model/config.ts';
import { namingFile, shownPath } from './file-error.ts';
import { type Item, rowItem, VALUE_TOO_LONG } from './item.ts';

const SLASH = Buffer.from('/');
/** Mode bits: somebody may execute the file. */
const EXECUTABLE = 0o111;
const SKIPPED_PERMISSION = 'permission to execute a file';

/** @throws Error if `root` is not a directory or cannot be read. */
export async function* readTree(root: string, prefix: Bytes): AsyncIterableIterator<Item> {
  const about = await namingFile(shownPath(root), () => stat(root));
  if (!about.isDirectory()) throw new Error(`${shownPath(root)} is not a directory`);
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

/** A subdirectory that cannot be read counts as one refusal, and the import goes on. */
async function* guardedDirectory(path: Buffer, key: Buffer): AsyncIterableIterator<Item> {
  try {
    yield* readDirectory(path, key);
  } catch (error) {
    yield unreadable(path, error);
  }
}

/** The row of a file, and an item for an executable file, whose permission is not kept. */
async function* readFileItems(path: Buffer, key: Buffer): AsyncIterableIterator<Item> {
  const from = formatBytes(path);
  try {
    // Checked first: a big file is not opened, and opening a pipe could block.
    const about = await lstat(path);
    if (!about.isFile()) yield { kind: 'skipped', what: 'neither file nor directory' };
    else if (about.size > LIMITS.valueBytesMax) yield { kind: 'refused', reason: VALUE_TOO_LONG, from };
    else {
      yield rowItem(key, await readContents(path, about.size), from);
      if ((about.mode & EXECUTABLE) !== 0) yield { kind: 'skipped', what: SKIPPED_PERMISSION };
    }
  } catch (error) {
    yield unreadable(path, error);
  }
}

async function readContents(path: Buffer, size: number): Promise<Bytes> {
  const file = await open(path, 'r');
  try {
    return await readValue(file, size);
  } finally {
    await file.close();
  }
}

/** All bytes of the file, which may have grown. Stops after one byte more than a value may have. */
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
  const code = systemCode(error) ?? String(error);
  return { kind: 'refused', reason: `cannot be read (${code})`, from: formatBytes(path) };
}
