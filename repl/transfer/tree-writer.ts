// Writes rows as files below a directory. Keys come from others and are not trusted: a key that names a place outside the
// directory, or that is not the path of a file, is refused. No symbolic link is followed, so nothing outside the directory can
// be written.

import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, open } from 'node:fs/promises';
import { type Bytes, formatBytes } from '../../common/base/bytes.ts';
import { systemCode } from '../../common/base/system-error.ts';
import type { Refusal, RowSink } from './sink.ts';

const SLASH = 0x2f;

export class TreeWriter implements RowSink {
  readonly #root: Buffer;
  readonly #prefixLength: number;
  /** Paths that are known to be directories, in text form. */
  readonly #known = new Set<string>();

  private constructor(root: string, prefixLength: number) {
    this.#root = Buffer.from(root);
    this.#prefixLength = prefixLength;
  }

  /** Makes the directory. The first `prefixLength` bytes of each key are left out of its path. */
  static async open(root: string, prefixLength: number): Promise<TreeWriter> {
    await mkdir(root, { recursive: true });
    return new TreeWriter(root, prefixLength);
  }

  async finish(): Promise<void> {}

  async abandon(): Promise<void> {}

  /** @throws Error if the file system fails for a reason that is not the key. */
  async write(key: Bytes, value: Bytes): Promise<Refusal> {
    const path = key.subarray(this.#prefixLength);
    const refusal = refusalOf(path);
    if (refusal !== null) return refusal;
    const parts = split(path);
    const name = parts.pop() as Buffer;
    let directory = this.#root;
    try {
      for (const part of parts) {
        directory = join(directory, part);
        if (!(await this.#enter(directory))) return 'a file or a link is where a directory must be';
      }
      await writeFile(join(directory, name), value);
      return null;
    } catch (error) {
      return refusalOfFileSystem(error);
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

async function writeFile(path: Buffer, value: Bytes): Promise<void> {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0o666);
  try {
    await file.writeFile(value);
  } finally {
    await file.close();
  }
}

/**
 * The reason if only this path is wrong. Throws other errors (no space, no permission), because they would also meet the next
 * key.
 */
function refusalOfFileSystem(error: unknown): Refusal {
  switch (systemCode(error)) {
    case 'EISDIR':
      return 'a directory is where the file must be';
    case 'ELOOP':
    case 'EMLINK':
    case 'ENXIO':
      return 'a link or a device is where the file must be';
    case 'ENAMETOOLONG':
      return 'too long for the file system';
    case 'EILSEQ':
    case 'EINVAL':
      return 'not a name for this file system';
    default:
      throw error;
  }
}
