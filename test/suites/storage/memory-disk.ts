// A twin of the disk in memory, with a power switch. After a power cut each sector of an unsynced write is there or
// not, in any combination. Removed names may come back until their directory is synced. Syncs can be held back or fail,
// and the disk can be full.

import type { Bytes } from '../../../common/base/bytes.ts';
import type { Disk, DiskFile } from '../../../kvnode/storage/disk.ts';

const SECTOR_BYTES = 512;

interface Write {
  readonly at: number;
  readonly bytes: Bytes;
}

class FileImage {
  /** The content that a reader sees. */
  bytes: Uint8Array;
  /** The content that is certainly on the disk. */
  durable: Uint8Array;
  /** Writes since then, oldest first. */
  pending: Write[] = [];

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.durable = bytes.slice();
  }

  write(write: Write): void {
    this.bytes = overwrite(this.bytes, write);
    this.pending.push(write);
  }

  makeDurable(writes: readonly Write[]): void {
    for (const write of writes) this.durable = overwrite(this.durable, write);
    this.pending = this.pending.filter((write) => !writes.includes(write));
  }

  /** The file after a power cut. `survives` is called for each sector of each unsynced write. */
  afterCut(survives: () => boolean): FileImage {
    let bytes: Uint8Array = this.durable.slice();
    for (const write of this.pending) {
      for (const sector of sectorsOf(write)) if (survives()) bytes = overwrite(bytes, sector);
    }
    return new FileImage(bytes);
  }
}

function overwrite(bytes: Uint8Array, { at, bytes: part }: Write): Uint8Array {
  const end = at + part.length;
  let target = bytes;
  if (end > bytes.length) {
    target = new Uint8Array(end);
    target.set(bytes);
  }
  target.set(part, at);
  return target;
}

function* sectorsOf({ at, bytes }: Write): Generator<Write> {
  for (let from = at; from < at + bytes.length; ) {
    const to = Math.min((Math.floor(from / SECTOR_BYTES) + 1) * SECTOR_BYTES, at + bytes.length);
    yield { at: from, bytes: bytes.subarray(from - at, to - at) };
    from = to;
  }
}

function noRoom(): Error {
  return Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
}

function noFile(path: string): Error {
  return Object.assign(new Error(`no file ${path}`), { code: 'ENOENT' });
}

interface HeldSync {
  readonly resolve: () => void;
}

export class MemoryDisk implements Disk {
  #files = new Map<string, FileImage>();
  /** Removed files whose directory is not synced. */
  readonly #removed = new Map<string, FileImage>();
  readonly #held: HeldSync[] = [];
  #holding = false;
  /** The error of the next syncs. */
  syncError: Error | null = null;
  /** Files cannot be created and cannot grow. */
  full = false;
  syncs = 0;

  // ---- the power switch ----------------------------------------------------------------------------------------

  /** The disk after a power cut now. This one must not be used any more. */
  afterPowerCut(survives: () => boolean): MemoryDisk {
    const disk = new MemoryDisk();
    for (const [path, file] of this.#files) disk.#files.set(path, file.afterCut(survives));
    for (const [path, file] of this.#removed) {
      if (!disk.#files.has(path) && survives()) disk.#files.set(path, file.afterCut(survives));
    }
    return disk;
  }

  /** From now on syncs wait for {@link release}. */
  hold(): void {
    this.#holding = true;
  }

  get heldSyncs(): number {
    return this.#held.length;
  }

  /** Lets the oldest held sync finish. */
  releaseOne(): void {
    this.#held.shift()?.resolve();
  }

  release(): void {
    this.#holding = false;
    while (this.#held.length > 0) this.releaseOne();
  }

  /** The content of a file, for tests that damage it. */
  contentOf(path: string): Uint8Array {
    return this.#get(path).bytes;
  }

  setContent(path: string, bytes: Uint8Array): void {
    this.#files.set(path, new FileImage(bytes));
  }

  copy(): MemoryDisk {
    return this.afterPowerCut(() => true);
  }

  get paths(): readonly string[] {
    return [...this.#files.keys()].sort();
  }

  // ---- Disk ----------------------------------------------------------------------------------------------------

  makeDirectory(): void {}

  list(path: string): readonly string[] {
    const names = [...this.#files.keys()].filter((file) => file.startsWith(`${path}/`));
    return [...new Set(names.map((file) => file.slice(path.length + 1).split('/')[0] ?? ''))];
  }

  read(path: string): Bytes | null {
    return this.#files.get(path)?.bytes.slice() ?? null;
  }

  async replace(path: string, bytes: Bytes): Promise<void> {
    this.#files.set(path, new FileImage(new Uint8Array(bytes)));
  }

  replaceNow(path: string, bytes: Bytes): void {
    this.#files.set(path, new FileImage(new Uint8Array(bytes)));
  }

  rename(from: string, to: string): void {
    const moved = this.#under(from);
    if (moved.length === 0) throw noFile(from);
    for (const [path, file] of moved) {
      this.#files.delete(path);
      this.#files.set(to + path.slice(from.length), file);
    }
  }

  async remove(path: string): Promise<void> {
    for (const [name, file] of this.#under(path)) {
      this.#files.delete(name);
      this.#removed.set(name, file);
    }
  }

  /** The file itself, or all files in the directory. */
  #under(path: string): readonly (readonly [string, FileImage])[] {
    return [...this.#files].filter(([name]) => name === path || name.startsWith(`${path}/`));
  }

  async syncDirectory(path: string): Promise<void> {
    for (const name of [...this.#removed.keys()]) if (name.startsWith(`${path}/`)) this.#removed.delete(name);
  }

  async create(path: string, size: number): Promise<DiskFile> {
    if (this.#files.has(path)) throw Object.assign(new Error(`${path} exists`), { code: 'EEXIST' });
    if (this.full) throw noRoom();
    this.#removed.delete(path);
    const file = new FileImage(new Uint8Array(size));
    this.#files.set(path, file);
    return this.#handle(file);
  }

  open(path: string): DiskFile {
    return this.#handle(this.#get(path));
  }

  #get(path: string): FileImage {
    const file = this.#files.get(path);
    if (file === undefined) throw noFile(path);
    return file;
  }

  #handle(file: FileImage): DiskFile {
    return {
      write: (parts, at) => {
        const end = parts.reduce((sum, part) => sum + part.length, at);
        if (this.full && end > file.bytes.length) throw noRoom();
        let offset = at;
        for (const part of parts) {
          file.write({ at: offset, bytes: new Uint8Array(part) });
          offset += part.length;
        }
      },
      sync: () => this.#sync(file),
      read: (at, length) => file.bytes.slice(at, at + length),
      shrink: (size) => {
        file.bytes = file.bytes.slice(0, size);
        file.durable = file.durable.slice(0, size);
        file.pending = file.pending.filter((write) => write.at < size);
      },
      close: () => {},
    };
  }

  async #sync(file: FileImage): Promise<void> {
    const writes = [...file.pending];
    this.syncs++;
    if (this.#holding) await new Promise<void>((resolve) => this.#held.push({ resolve }));
    if (this.syncError !== null) throw this.syncError;
    file.makeDurable(writes);
  }
}
