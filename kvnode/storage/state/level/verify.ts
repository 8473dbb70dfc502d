// Verifies the files of a LevelDB, before it is opened and while it is. LevelDB notices little of a damaged disk by itself: it does not verify
// the tables that it reads rows from, starts empty where its file CURRENT is missing, and deletes what it does not know.
// After this check a lookup that finds nothing means that there is nothing.
//
// Not verified is the content of LevelDB's own log: what the power cut off there looks like damage. A batch that is lost
// there shows in the numbers of the batches (checked-engine.ts).

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bytes } from '../../../../common/base/bytes.ts';
import { CorruptDataError } from '../../data-errors.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { verifyTable } from './table-file.ts';

const CURRENT = 'CURRENT';
const CURRENT_CONTENT = /^(MANIFEST-[0-9]{6,})\n$/;
const DATA_FILE = /^(MANIFEST-[0-9]+|[0-9]+\.(log|ldb|sst))$/;

/** Throws CorruptDataError where a file is missing or damaged. A directory without data is sound. */
export async function verifyLevel(directory: string): Promise<void> {
  const names = await listFiles(directory);
  if (!names.includes(CURRENT)) {
    const orphan = names.find((name) => DATA_FILE.test(name));
    if (orphan === undefined) return;
    throw new CorruptDataError(`${join(directory, CURRENT)} is missing beside ${orphan}`);
  }
  const { tables, logNumber } = await currentManifest(directory);
  if (logNumber > 0 && !names.includes(fileName(logNumber, 'log'))) {
    throw new CorruptDataError(`${join(directory, fileName(logNumber, 'log'))} is missing`);
  }
  for (const [number, size] of tables) await verifyOne(directory, names, number, size);
}

/**
 * Verifies the tables of a LevelDB that is open, which adds and deletes tables meanwhile. `turn` is awaited before each table
 * of so many bytes is read. Answers the bytes verified. Throws CorruptDataError.
 */
export async function verifyTables(
  directory: string,
  turn: (bytes: number) => Promise<void>,
): Promise<number> {
  let verified = 0;
  for (const [number, size] of (await currentManifest(directory)).tables) {
    await turn(size);
    try {
      await verifyOne(directory, await listFiles(directory), number, size);
      verified += size;
    } catch (error) {
      // LevelDB deletes a table only when its manifest no longer names it.
      if ((await currentManifest(directory)).tables.has(number)) throw error;
    }
  }
  return verified;
}

async function currentManifest(directory: string): Promise<Manifest> {
  const current = Buffer.from(await readWhole(join(directory, CURRENT))).toString('latin1');
  const name = CURRENT_CONTENT.exec(current)?.[1];
  if (name === undefined) throw new CorruptDataError(`${join(directory, CURRENT)} is damaged`);
  return readManifest(name, await readWhole(join(directory, name)));
}

async function verifyOne(
  directory: string,
  names: readonly string[],
  number: number,
  size: number,
): Promise<void> {
  const name = [fileName(number, 'ldb'), fileName(number, 'sst')].find((one) => names.includes(one));
  if (name === undefined) {
    throw new CorruptDataError(`${join(directory, fileName(number, 'ldb'))} is missing`);
  }
  const path = join(directory, name);
  const bytes = await readWhole(path);
  if (bytes.length !== size)
    throw new CorruptDataError(`${path} has ${bytes.length} bytes instead of ${size}`);
  verifyTable(path, bytes);
}

/** What the process lacks says nothing of the disk. */
const OWN_FAULTS: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EACCES', 'EPERM']);

/** A disk that cannot read a block any more is damaged too. */
async function readWhole(path: string): Promise<Bytes> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && OWN_FAULTS.has(cause.code)) throw cause;
    throw new CorruptDataError(`${path} cannot be read`, { cause });
  }
}

async function listFiles(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function fileName(number: number, extension: string): string {
  return `${String(number).padStart(6, '0')}.${extension}`;
}
