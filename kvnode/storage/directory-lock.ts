// The lock of a data directory: one process at a time uses it. Node has no file locks, but LevelDB has one, so an empty
// LevelDB in the directory `lock` is the lock. The operating system releases it when the process ends, in whatever way.

import { openLevelLock } from './state/level-engine.ts';

export interface DataDirectoryLock {
  release(): Promise<void>;
}

/** Takes the lock in the directory `path`. Throws DataDirectoryLockedError if another process holds it. */
export type LockDirectory = (path: string) => Promise<DataDirectoryLock>;

export const lockDirectory: LockDirectory = async (path) => {
  const level = await openLevelLock(path);
  return { release: () => level.close() };
};
