// A file that replaces another one, or is new, once it is complete. Until then it has a temporary name beside it, which is its own,
// so that two exports, or a file of somebody else's, do not meet. The new file gets the permissions and the owner of the old one.
//
// A new file cannot have the hard links of the old one, nor always its owner. Then the contents are copied into the old file. That is
// not one step, but by then they are complete, and if copying fails they are kept under the temporary name. A full disk does not make
// it fail: what is longer than the old contents is written first, behind them, and taken away again if there is no room.

import { constants, createReadStream, rmSync, type Stats } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { type Bytes, formatBytes, toHex } from '../../common/base/bytes.ts';
import type { Env } from '../../common/base/env.ts';
import { systemCode } from '../../common/base/system-error.ts';
import type { ByteOutput } from './direct-output.ts';

export interface ReplacementOptions {
  readonly env: Env;
  readonly path: Buffer;
  /** The file that is replaced; null: there is none. */
  readonly old: Stats | null;
  /** Whether contents may be copied into the old file. If not, its other hard links keep the old contents. */
  readonly copies: boolean;
  /** Whether the file is on disk before it gets its name. */
  readonly syncs: boolean;
}

/** At most this many bytes of a name are part of the temporary name: both may have 255. */
const NAME_BYTES_MAX = 100;

export class Replacement implements ByteOutput {
  readonly #options: ReplacementOptions;
  readonly #temporary: Buffer;
  readonly #file: FileHandle;
  /** A new file would not have what the old one has, besides its contents. */
  #mustCopy = false;
  /** From here on finish() alone decides what becomes of the temporary file. */
  #complete = false;
  readonly #removeNow = () => rmSync(this.#temporary, { force: true });

  static async open(options: ReplacementOptions): Promise<Replacement> {
    for (;;) {
      const temporary = temporaryPath(options);
      try {
        // Nobody else may read it before it has the permissions of the old file.
        const file = await open(temporary, 'wx', options.old === null ? 0o666 : 0o600);
        return await new Replacement(options, temporary, file).#begin();
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error;
      }
    }
  }

  private constructor(options: ReplacementOptions, temporary: Buffer, file: FileHandle) {
    this.#options = options;
    this.#temporary = temporary;
    this.#file = file;
    // A second Ctrl-C ends the process without waiting for abandon().
    process.once('exit', this.#removeNow);
  }

  async #begin(): Promise<this> {
    const { old, copies } = this.#options;
    if (old === null) return this;
    try {
      const hasOwner = await this.#giveOwner(old);
      this.#mustCopy = copies && (old.nlink > 1 || !hasOwner);
      await this.#file.chmod(old.mode & 0o777);
      return this;
    } catch (error) {
      await this.abandon();
      throw error;
    }
  }

  /** Whether the new file has the owner and the group of the old one. */
  async #giveOwner({ uid, gid }: Stats): Promise<boolean> {
    const own = await this.#file.stat();
    if (own.uid === uid && own.gid === gid) return true;
    try {
      await this.#file.chown(uid, gid);
      return true;
    } catch (error) {
      if (systemCode(error) !== 'EPERM') throw error;
      return false;
    }
  }

  async write(bytes: Bytes): Promise<void> {
    await this.#file.writeFile(bytes);
  }

  async finish(): Promise<void> {
    if (this.#options.syncs) await this.#file.sync();
    await this.#file.close();
    this.#complete = true;
    process.off('exit', this.#removeNow);
    if (this.#mustCopy || !(await this.#rename())) await this.#copy();
    if (this.#options.syncs) await syncDirectory(directoryOf(this.#options.path));
  }

  async abandon(): Promise<void> {
    if (this.#complete) return;
    process.off('exit', this.#removeNow);
    await this.#file.close().catch(() => {});
    await rm(this.#temporary, { force: true }).catch(() => {});
  }

  /** Whether it was possible: a file that is mounted by itself, as containers do, can only be written to. */
  async #rename(): Promise<boolean> {
    try {
      await rename(this.#temporary, this.#options.path);
      return true;
    } catch (error) {
      if (this.#options.copies && systemCode(error) === 'EBUSY') return false;
      await rm(this.#temporary, { force: true });
      throw error;
    }
  }

  async #copy(): Promise<void> {
    const { path } = this.#options;
    const copy = await OldFile.open(this.#temporary, path);
    try {
      await copy.makeRoom();
    } catch (error) {
      await copy.close();
      await rm(this.#temporary, { force: true });
      throw error;
    }
    try {
      await copy.overwrite();
    } catch (error) {
      const code = systemCode(error) ?? String(error);
      throw new Error(
        `${formatBytes(path)} is incomplete (${code}); the complete export is ${formatBytes(this.#temporary)}`,
      );
    } finally {
      await copy.close();
    }
    await rm(this.#temporary, { force: true });
  }
}

/** An old file into which new contents are copied. */
class OldFile {
  readonly #from: Buffer;
  readonly #file: FileHandle;
  readonly #oldBytes: number;
  readonly #newBytes: number;

  private constructor(from: Buffer, file: FileHandle, oldBytes: number, newBytes: number) {
    this.#from = from;
    this.#file = file;
    this.#oldBytes = oldBytes;
    this.#newBytes = newBytes;
  }

  static async open(from: Buffer, to: Buffer): Promise<OldFile> {
    const { size: newBytes } = await stat(from);
    const file = await open(to, constants.O_WRONLY);
    const { size: oldBytes } = await file.stat();
    return new OldFile(from, file, oldBytes, newBytes);
  }

  /** Writes what does not fit into the room of the old contents. If it fails, the file has its old contents. */
  async makeRoom(): Promise<void> {
    if (this.#newBytes <= this.#oldBytes) return;
    try {
      await this.#write(this.#oldBytes, this.#newBytes);
      await this.#file.sync();
    } catch (error) {
      await this.#file.truncate(this.#oldBytes);
      throw error;
    }
  }

  async overwrite(): Promise<void> {
    await this.#write(0, Math.min(this.#oldBytes, this.#newBytes));
    await this.#file.truncate(this.#newBytes);
    await this.#file.sync();
  }

  async close(): Promise<void> {
    await this.#file.close().catch(() => {});
  }

  /** Writes the new contents from byte `start` on, up to `end` (exclusive), to the same place. */
  async #write(start: number, end: number): Promise<void> {
    if (start === end) return;
    let at = start;
    for await (const chunk of createReadStream(this.#from, { start, end: end - 1 })) {
      const bytes: Buffer = chunk;
      for (let from = 0; from < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, from, bytes.length - from, at);
        from += bytesWritten;
        at += bytesWritten;
      }
    }
  }
}

function temporaryPath({ env, path }: ReplacementOptions): Buffer {
  const directory = directoryOf(path);
  const name = path.subarray(directory.length, directory.length + NAME_BYTES_MAX);
  return Buffer.concat([directory, name, Buffer.from(`.${toHex(env.randomBytes(6))}.partial`)]);
}

/** With the slash at its end. */
function directoryOf(path: Buffer): Buffer {
  return path.subarray(0, path.lastIndexOf('/') + 1);
}

/** So that the new name survives a power cut. Some file systems cannot; the file itself is complete in any case. */
async function syncDirectory(path: Buffer): Promise<void> {
  const directory = await open(path, 'r').catch(() => null);
  await directory?.sync().catch(() => {});
  await directory?.close();
}
