// The file system as the log and node.json use it: small enough for a test twin that injects faults. A write is durable
// only after `sync` (of the file), and a name only after `syncDirectory`. Pages that were not synced may survive a
// power cut or not, in any combination.

import {
  closeSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  write,
  writeFileSync,
  writevSync,
} from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Bytes } from '../../common/base/bytes.ts';
import { systemCode } from '../../common/base/system-error.ts';

export interface DiskFile {
  /**
   * Writes the parts one after the other from offset `at`, and grows the file if needed. If there is no space it throws
   * (isDiskFull in data-errors.ts) and may have written a part. The write may be repeated.
   */
  write(parts: readonly Bytes[], at: number): void;
  /** Resolves when everything written is on the disk. */
  sync(): Promise<void>;
  /** Up to `length` bytes from `at`, fewer at the end of the file, in a new buffer. */
  read(at: number, length: number): Bytes;
  /** Truncates the file to `size` bytes. */
  shrink(size: number): void;
  close(): void;
}

export interface Disk {
  makeDirectory(path: string): void;
  /** The names in a directory. Empty if there is no such directory. */
  list(path: string): readonly string[];
  /** The content of a file. Null if there is none. */
  read(path: string): Bytes | null;
  /** Writes a file atomically and durably, in place of any old one. */
  replace(path: string, bytes: Bytes): Promise<void>;
  /** Like {@link replace}, but synchronous: for a process that is about to end. */
  replaceNow(path: string, bytes: Bytes): void;
  rename(from: string, to: string): void;
  /**
   * Removes a file, or a directory with everything in it. It is asynchronous, since deleting a large file takes time.
   */
  remove(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /**
   * Creates a file of `size` zeros, durable with its name. A write into it needs no new blocks: it syncs faster, and
   * cannot meet a full disk. If it fails it leaves no file. Rejects with EEXIST if there is one.
   */
  create(path: string, size: number): Promise<DiskFile>;
  open(path: string): DiskFile;
}

const ZEROS = new Uint8Array(1024 * 1024);

class NodeDiskFile implements DiskFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(parts: readonly Bytes[], at: number): void {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    const written = writevSync(this.#fd, parts, at);
    if (written < bytes) throw Object.assign(new Error('ENOSPC: a short write'), { code: 'ENOSPC' });
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error ? reject(error) : resolve()));
    });
  }

  read(at: number, length: number): Bytes {
    const bytes = new Uint8Array(length);
    let have = 0;
    while (have < length) {
      const got = readSync(this.#fd, bytes, have, length - have, at + have);
      if (got === 0) break;
      have += got;
    }
    return have === length ? bytes : bytes.subarray(0, have);
  }

  shrink(size: number): void {
    ftruncateSync(this.#fd, size);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function replace(path: string, bytes: Bytes): Promise<void> {
  const temporary = `${path}.new`;
  const handle = await open(temporary, 'w');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  renameSync(temporary, path);
  await syncDirectory(dirname(path));
}

function replaceNow(path: string, bytes: Bytes): void {
  const temporary = `${path}.new`;
  writeAndSync(openSync(temporary, 'w'), (fd) => writeFileSync(fd, bytes));
  renameSync(temporary, path);
  writeAndSync(openSync(dirname(path), 'r'), () => {});
}

function writeAndSync(fd: number, write: (fd: number) => void): void {
  try {
    write(fd);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeZeros(fd: number, at: number, size: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const length = Math.min(ZEROS.length, size - at);
    if (length === 0) return resolve();
    write(fd, ZEROS, 0, length, at, (error, written) => {
      if (error) return reject(error);
      writeZeros(fd, at + written, size).then(resolve, reject);
    });
  });
}

async function create(path: string, size: number): Promise<DiskFile> {
  const fd = openSync(path, 'wx+');
  const file = new NodeDiskFile(fd);
  try {
    await writeZeros(fd, 0, size);
    await file.sync();
    await syncDirectory(dirname(path));
    return file;
  } catch (error) {
    file.close();
    // Half a file would occupy space that a full disk needs.
    rmSync(path, { force: true });
    throw error;
  }
}

function ifPresent<T>(action: () => T, otherwise: T): T {
  try {
    return action();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return otherwise;
    throw error;
  }
}

/** Only this user may read the directory: it holds the data of others. */
const PRIVATE = 0o700;

export const realDisk: Disk = {
  makeDirectory: (path) => void mkdirSync(path, { recursive: true, mode: PRIVATE }),
  list: (path) => ifPresent(() => readdirSync(path), []),
  read: (path) => ifPresent<Bytes | null>(() => readFileSync(path), null),
  replace,
  replaceNow,
  rename: renameSync,
  remove: (path) => rm(path, { recursive: true, force: true }),
  syncDirectory,
  create,
  open: (path) => new NodeDiskFile(openSync(path, 'r+')),
};
