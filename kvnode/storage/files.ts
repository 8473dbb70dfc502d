// The names of everything in a data directory (docs/storage.md#a-data-directory). They are written and parsed here
// only.
//
//   node.json                     the identity of the directory
//   session.json                  the ZooKeeper session of the process that uses the directory, or used it last (0600)
//   state/                        LevelDB: the rows
//   lock/                         an empty LevelDB, whose LOCK file locks the whole directory
//   damage.json                   a running node found damage: the next start sets the directory aside (R12)
//   wal/00000000000000000001.log  segments of the shared log, in ascending order
//   aside/<time>-<node id>/       the earlier content of the directory, set aside because it was damaged (R12)

import { join } from 'node:path';

export const NODE_FILE = 'node.json';
export const SESSION_FILE = 'session.json';
export const STATE_DIRECTORY = 'state';
export const LOCK_DIRECTORY = 'lock';
export const DAMAGE_FILE = 'damage.json';
export const LOG_DIRECTORY = 'wal';
export const ASIDE_DIRECTORY = 'aside';

const SEGMENT_DIGITS = 20;
const SEGMENT_NAME = /^(\d{20})\.log$/;

export interface Paths {
  readonly root: string;
  readonly node: string;
  readonly state: string;
  readonly lock: string;
  readonly damage: string;
  readonly log: string;
}

export function pathsOf(root: string): Paths {
  return {
    root,
    node: join(root, NODE_FILE),
    state: join(root, STATE_DIRECTORY),
    lock: join(root, LOCK_DIRECTORY),
    damage: join(root, DAMAGE_FILE),
    log: join(root, LOG_DIRECTORY),
  };
}

export function segmentPath(paths: Paths, number: number): string {
  return join(paths.log, `${String(number).padStart(SEGMENT_DIGITS, '0')}.log`);
}

/** The number of the segment with this file name; null for any other file. */
export function parseSegmentName(name: string): number | null {
  const match = SEGMENT_NAME.exec(name);
  return match === null ? null : Number(match[1]);
}

/**
 * Where the content of a damaged directory is moved. The time `wallNow` (Unix, ms) is for people; the node id keeps the
 * names apart.
 */
export function asidePath(paths: Paths, nodeId: string, wallNow: number): string {
  const time = new Date(wallNow).toISOString().replaceAll(':', '-');
  return join(paths.root, ASIDE_DIRECTORY, `${time}-${nodeId}`);
}
