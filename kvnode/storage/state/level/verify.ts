// Verifies the files of a LevelDB, before it is opened and while it is open. By itself LevelDB notices little of a
// damaged disk: it does not verify the tables from which it reads rows, it starts empty if its file CURRENT is missing,
// and it deletes files that it does not know. After this check, a lookup that finds nothing means that there is no row.
//
// The content of LevelDB's own log is not verified, since what a power cut truncates there looks like damage. A batch
// that is lost there leaves a gap in the numbers of the batches (checked-engine.ts).

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bytes } from '../../../../common/base/bytes.ts';
import { systemCode } from '../../../../common/base/system-error.ts';
import { CorruptDataError } from '../../data-errors.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { verifyTable } from './table-file.ts';

const CURRENT = 'CURRENT';
const CURRENT_CONTENT = /^(MANIFEST-[0-9]{6,})\n$/;
const DATA_FILE = /^(MANIFEST-[0-9]+|[0-9]+\.(log|ldb|sst))$/;

/** Rejects with CorruptDataError if a file is missing or damaged. A directory without data is valid. */
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
 * Verifies the tables of an open LevelDB, which adds and deletes tables meanwhile. `turn` is awaited before each table
 * of `bytes` bytes is read. Resolves with the bytes verified. Rejects with CorruptDataError.
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
      // LevelDB deletes a table only after its manifest no longer names it.
      if ((await currentManifest(directory)).tables.has(number)) throw error;
    }
  }
  return verified;
}

async function currentManifest(directory: string): Promise<Manifest> {
  const current = Buffer.from(await readContent(join(directory, CURRENT))).toString('latin1');
  const name = CURRENT_CONTENT.exec(current)?.[1];
  if (name === undefined) throw new CorruptDataError(`${join(directory, CURRENT)} is damaged`);
  return readManifest(name, await readContent(join(directory, name)));
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
  const bytes = await readContent(path);
  if (bytes.length !== size)
    throw new CorruptDataError(`${path} has ${bytes.length} bytes instead of ${size}`);
  verifyTable(path, bytes);
}

/** Errors that are the fault of this process, not of the disk. */
const OWN_FAULTS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EACCES', 'EPERM']);

/** Reads a file. If the disk cannot read it, the file is damaged. */
async function readContent(path: string): Promise<Bytes> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (OWN_FAULTS.has(systemCode(cause) ?? '')) throw cause;
    throw new CorruptDataError(`${path} cannot be read`, { cause });
  }
}

async function listFiles(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function fileName(number: number, extension: string): string {
  return `${String(number).padStart(6, '0')}.${extension}`;
}
