// The lock of a data directory: one process at a time uses it. Node has no file lock of its own; LevelDB has one, so an
// empty LevelDB in the folder `lock` stands for it. It ends with the process that holds it, however that ends.

import { openLevelLock } from './state/level-engine.ts';

export interface DataDirectoryLock {
  release(): Promise<void>;
}

/** Takes the lock in the folder `path`. Throws DataDirectoryLockedError where another process has it. */
export type LockDirectory = (path: string) => Promise<DataDirectoryLock>;

export const lockDirectory: LockDirectory = async (path) => {
  const level = await openLevelLock(path);
  return { release: () => level.close() };
};
