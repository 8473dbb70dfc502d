// A data directory that must not be used any more as the node that it was (R12). What is in it moves into its folder `aside`,
// so that it opens as a new, empty node. What stays there says which node ids this disk had before.

import { join } from 'node:path';
import type { Env } from '../../common/base/env.ts';
import type { Logger } from '../../common/base/log.ts';
import { type LockDirectory, lockDirectory } from './directory-lock.ts';
import { type Disk, realDisk } from './disk.ts';
import {
  ASIDE_DIRECTORY,
  asidePath,
  DAMAGE_FILE,
  LOG_DIRECTORY,
  NODE_FILE,
  type Paths,
  pathsOf,
  STATE_DIRECTORY,
} from './files.ts';
import { type NodeFile, readNodeFile } from './node-file.ts';

export interface AsideOptions {
  readonly env: Pick<Env, 'wallNow'>;
  readonly logger: Logger;
  /** The real ones unless a twin is given. */
  readonly disk?: Disk;
  readonly lock?: LockDirectory;
}

/**
 * R12: moves what is in the data directory into its folder `aside`, so that it opens as a new, empty node; the old node id
 * never comes back. Returns where it went.
 */
export async function setAside(directory: string, reason: Error, options: AsideOptions): Promise<string> {
  const { disk = realDisk, env, logger } = options;
  const paths = pathsOf(directory);
  const lock = await (options.lock ?? lockDirectory)(paths.lock);
  try {
    const target = asidePath(paths, nodeFileIn(disk, paths)?.nodeId ?? 'unknown', env.wallNow());
    disk.makeDirectory(target);
    // The id goes first and the log after it: whatever a crash leaves here is a log without an id, or a mark: set aside as well.
    for (const name of [NODE_FILE, STATE_DIRECTORY, LOG_DIRECTORY, DAMAGE_FILE]) {
      if (!disk.list(directory).includes(name)) continue;
      disk.rename(join(directory, name), join(target, name));
      await disk.syncDirectory(directory);
    }
    await disk.syncDirectory(join(directory, ASIDE_DIRECTORY));
    logger.error(
      { directory, aside: target, reason: reason.message },
      'data directory damaged: set aside; this node joins as a new one, empty',
    );
    return target;
  } finally {
    await lock.release();
  }
}

/**
 * The nodes that this directory was before, the oldest first, each as it was in the end. A folder in `aside` names a node
 * only by that node's own file: once it is there, the directory itself has it no more.
 */
export function formerNodes(disk: Disk, paths: Paths, nodeId: string): readonly NodeFile[] {
  const aside = join(paths.root, ASIDE_DIRECTORY);
  const names = unlessUnreadable(() => disk.list(aside), []);
  return [...names].sort().flatMap((name) => {
    const file = nodeFileIn(disk, pathsOf(join(aside, name)));
    return file === null || file.nodeId === nodeId ? [] : [file];
  });
}

/** Null: there is none, or it cannot be read. */
function nodeFileIn(disk: Disk, paths: Paths): NodeFile | null {
  return unlessUnreadable(() => readNodeFile(disk, paths), null);
}

/** Nothing depends on what was set aside: whatever is wrong with it must not keep the node down. */
function unlessUnreadable<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
