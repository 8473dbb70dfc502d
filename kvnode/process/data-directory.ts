// Opening a node's data directory, and what to do where it cannot be opened as it is: a locked one, one of another
// format and one on a full disk end the process with one line; a damaged one is set aside, loudly, and the node starts as a new one (R12).
// So is one that turns out to be an older copy, which only ZooKeeper can tell (generation.ts).

import { EXIT, ProcessExit } from '../../common/process/exit.ts';
import { setAside } from '../storage/aside.ts';
import {
  CorruptDataError,
  DataDirectoryLockedError,
  DataFormatError,
  isDiskFull,
} from '../storage/errors.ts';
import { openStorage, type StorageOptions } from '../storage/open.ts';
import type { Storage } from '../storage/storage.ts';

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

/** An open directory that must not be used as the node that it was (R12): closed, set aside, and opened as a new node. */
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
