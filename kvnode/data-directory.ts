// Opening a node's data directory, and what to do where it cannot be opened as it is: a locked one, one of another
// format and one on a full disk end the process with one line; a damaged one is set aside, loudly, and the node starts as a new one (R12).

import { EXIT, ProcessExit } from '../common/process/exit.ts';
import { CorruptDataError, DataDirectoryLockedError, DataFormatError, isDiskFull } from './storage/errors.ts';
import { openStorage, type StorageOptions, setAside } from './storage/open.ts';
import type { Storage } from './storage/storage.ts';

export async function openDataDirectory(directory: string, options: StorageOptions): Promise<Storage> {
  try {
    return await openStorage(directory, options);
  } catch (error) {
    if (error instanceof CorruptDataError) {
      await setAside(directory, error, options);
      return openStorage(directory, options);
    }
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
