// Writes rows as files below a directory. Keys come from others and are not trusted: a key that names a place outside the
// directory, or that is not the path of a file, is refused. No link leads outside: a symbolic link is refused, and a file that is
// there is replaced, so that its hard links elsewhere keep what they have. The new file has the permissions of the old one.

import { constants, type Stats } from 'node:fs';
import { access, lstat, mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Bytes, formatBytes } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import { systemCode } from '../../common/base/system-error.ts';
import { fileError, namingFile, shownPath } from './file-error.ts';
import { Replacement } from './replacement.ts';
import type { Refusal, RowSink } from './sink.ts';

const SLASH = 0x2f;

export class TreeWriter implements RowSink {
  readonly #env: Env;
  readonly #root: Buffer;
  readonly #prefixLength: number;
  /** Paths that are known to be directories, in text form. */
  readonly #known = new Set<string>();

  private constructor(env: Env, root: string, prefixLength: number) {
    this.#env = env;
    this.#root = Buffer.from(root);
    this.#prefixLength = prefixLength;
  }

  /** Makes the directory. The first `prefixLength` bytes of each key are left out of its path. */
  static async open(env: Env, root: string, prefixLength: number): Promise<TreeWriter> {
    await namingFile(shownPath(root), () => makeDirectory(root));
    return new TreeWriter(env, root, prefixLength);
  }

  async finish(): Promise<void> {}

  async abandon(): Promise<void> {}

  /** @throws Error if the file system fails for a reason that is not the key. */
  async write(key: Bytes, value: Bytes): Promise<Refusal> {
    const below = key.subarray(this.#prefixLength);
    const refusal = refusalOf(below);
    if (refusal !== null) return refusal;
    const parts = split(below);
    const name = parts.pop() as Buffer;
    let directory = this.#root;
    try {
      for (const part of parts) {
        directory = join(directory, part);
        if (!(await this.#enter(directory))) return 'a file or a link is where a directory must be';
      }
      const path = join(directory, name);
      return (await isWrittenAsNew(path, value)) ? null : await this.#replace(path, value);
    } catch (error) {
      return refusalOfFileSystem(error, join(this.#root, Buffer.from(below)));
    }
  }

  async #enter(directory: Buffer): Promise<boolean> {
    const known = formatBytes(directory);
    if (this.#known.has(known)) return true;
    try {
      await mkdir(directory);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
      const about: Stats = await lstat(directory);
      if (!about.isDirectory()) return false;
    }
    this.#known.add(known);
    return true;
  }

  async #replace(path: Buffer, value: Bytes): Promise<Refusal> {
    const old = await lstat(path);
    if (old.isDirectory()) return 'a directory is where the file must be';
    if (!old.isFile()) return 'a link or a device is where the file must be';
    // A rename needs no permission for the file itself, so a file that may not be written would be replaced.
    await access(path, constants.W_OK);
    const file = await Replacement.open({ env: this.#env, path, old, copies: false, syncs: false });
    try {
      await file.write(value);
      await file.finish();
      return null;
    } catch (error) {
      await file.abandon();
      throw error;
    }
  }
}

/** Not mkdir's own `recursive`: Node then takes many errors for others, and never ends below /proc. */
async function makeDirectory(path: string): Promise<void> {
  const code = await codeOfMkdir(path);
  if (code === null) return;
  if (code === 'ENOENT') {
    await makeDirectory(dirname(path));
    await mkdir(path);
  } else if (!(await stat(path)).isDirectory()) throw new Error(`${shownPath(path)} is not a directory`);
}

/** Null: it was made. Throws errors other than these two. */
async function codeOfMkdir(path: string): Promise<'ENOENT' | 'EEXIST' | null> {
  try {
    await mkdir(path);
    return null;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'EEXIST') return code;
    throw error;
  }
}

/** Why a key without its prefix is not the path of a file below a directory; null: it is. */
export function refusalOf(path: Bytes): Refusal {
  if (path.length === 0) return 'the key is the prefix itself';
  if (path[0] === SLASH) return 'absolute path';
  if (path.includes(0)) return 'a zero byte in the path';
  for (const part of split(path)) {
    if (part.length === 0) return 'an empty part in the path';
    if (part.equals(Buffer.from('.')) || part.equals(Buffer.from('..'))) return `${part} in the path`;
  }
  return null;
}

function split(path: Bytes): Buffer[] {
  const parts: Buffer[] = [];
  let from = 0;
  for (let i = 0; i <= path.length; i++) {
    if (i < path.length && path[i] !== SLASH) continue;
    parts.push(Buffer.from(path.subarray(from, i)));
    from = i + 1;
  }
  return parts;
}

function join(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, Buffer.of(SLASH), name]);
}

/** False if something is there, also a link that leads nowhere: then nothing is written. */
async function isWrittenAsNew(path: Buffer, value: Bytes): Promise<boolean> {
  const file = await open(path, 'wx').catch((error: unknown) => {
    if (systemCode(error) === 'EEXIST') return null;
    throw error;
  });
  if (file === null) return false;
  try {
    await file.writeFile(value);
    await file.close();
    return true;
  } catch (error) {
    await file.close().catch(() => {});
    await rm(path, { force: true });
    throw error;
  }
}

/**
 * The reason if only this path is wrong. Throws other errors (no space, no permission), because they would also meet the next
 * key.
 */
function refusalOfFileSystem(error: unknown, path: Buffer): Refusal {
  switch (systemCode(error)) {
    case 'ENAMETOOLONG':
      return 'too long for the file system';
    case 'EILSEQ':
    case 'EINVAL':
      return 'not a name for this file system';
    default:
      throw fileError(formatBytes(path), error);
  }
}
