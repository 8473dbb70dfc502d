// Opens a node's data directory. If it is locked, of another format, or on a full disk, the process ends with one line. If it is
// damaged, it is set aside, which is logged as an error, and the node starts as a new one (R12). The same happens to an older
// copy of a directory, which can be recognised only with ZooKeeper (generation.ts).

import { EXIT, ProcessExit } from '../../common/process/exit.ts';
import { setAside } from '../storage/aside.ts';
import {
  CorruptDataError,
  DataDirectoryLockedError,
  DataFormatError,
  isDiskFull,
} from '../storage/data-errors.ts';
import { openStorage, type StorageOptions } from '../storage/open.ts';
import type { Storage } from '../storage/storage.ts';

/** Rejects with ProcessExit if the directory cannot be used now. */
export async function openDataDirectory(directory: string, options: StorageOptions): Promise<Storage> {
  try {
    return await openStorage(directory, options);
  } catch (error) {
    if (error instanceof CorruptDataError) return startAnew(directory, error, options);
    if (error instanceof DataDirectoryLockedError || error instanceof DataFormatError) {
      throw new ProcessExit(EXIT.failed, `kvnode: ${error.message}`);
    }
    if (isDiskFull(error)) {
      throw new ProcessExit(
        EXIT.failed,
        `kvnode: no room on the disk of ${directory}; free some, and start again`,
      );
    }
    throw error;
  }
}

/** R12: closes an open directory that must not be used as the node that it was, sets it aside, and opens a new node's. */
export async function replaceDataDirectory(
  directory: string,
  storage: Storage,
  reason: CorruptDataError,
  options: StorageOptions,
): Promise<Storage> {
  await storage.close();
  return startAnew(directory, reason, options);
}

async function startAnew(
  directory: string,
  reason: CorruptDataError,
  options: StorageOptions,
): Promise<Storage> {
  await setAside(directory, reason, options);
  return openStorage(directory, options);
}
