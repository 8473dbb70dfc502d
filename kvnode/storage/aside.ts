// Sets aside a data directory that must not be used any more as the node that it was (R12). Its content moves into its
// directory `aside`, so it opens as a new, empty node. What is kept there says which node ids this disk had before.

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
  /** Disk and lock: the real ones by default. */
  readonly disk?: Disk;
  readonly lock?: LockDirectory;
}

/**
 * R12: moves the content of the data directory into its directory `aside`, so that it opens as a new, empty node. The
 * old node id is never used again. Resolves with the path that the content now has.
 */
export async function setAside(directory: string, reason: Error, options: AsideOptions): Promise<string> {
  const { disk = realDisk, env, logger } = options;
  const paths = pathsOf(directory);
  const lock = await (options.lock ?? lockDirectory)(paths.lock);
  try {
    const target = asidePath(paths, nodeFileIn(disk, paths)?.nodeId ?? 'unknown', env.wallNow());
    disk.makeDirectory(target);
    // node.json goes first, the log later and the mark last. A crash leaves a log without node.json, or the mark: both
    // are set aside at the next start.
    for (const name of [NODE_FILE, STATE_DIRECTORY, LOG_DIRECTORY, DAMAGE_FILE]) {
      if (!disk.list(directory).includes(name)) continue;
      disk.rename(join(directory, name), join(target, name));
      await disk.syncDirectory(directory);
    }
    await disk.syncDirectory(join(directory, ASIDE_DIRECTORY));
    logger.error(
      { directory, aside: target, reason: reason.message },
      'the data directory is damaged and was set aside: this node joins as a new, empty one',
    );
    return target;
  } finally {
    await lock.release();
  }
}

/**
 * The nodes that this directory was before, the oldest first, as their last node.json has them. A directory in `aside`
 * counts only if it has a node.json. That file was moved there, so the data directory itself is not that node any more.
 */
export function formerNodes(disk: Disk, paths: Paths, nodeId: string): readonly NodeFile[] {
  const aside = join(paths.root, ASIDE_DIRECTORY);
  const names = unlessUnreadable(() => disk.list(aside), []);
  return [...names].sort().flatMap((name) => {
    const file = nodeFileIn(disk, pathsOf(join(aside, name)));
    return file === null || file.nodeId === nodeId ? [] : [file];
  });
}

/** Null if there is none, or if it cannot be read. */
function nodeFileIn(disk: Disk, paths: Paths): NodeFile | null {
  return unlessUnreadable(() => readNodeFile(disk, paths), null);
}

/** The node must start even if the files that were set aside are unreadable: nothing depends on them. */
function unlessUnreadable<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
