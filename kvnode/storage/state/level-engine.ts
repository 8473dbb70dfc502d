// The state engine of LevelDB. What must not be lost is written with sync. LevelDB does not sync its old log file when
// it starts a new one, so after a power cut an older unsynced batch could be lost while a newer synced one survives.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { Bytes } from '../../../common/base/bytes.ts';
import { systemCode } from '../../../common/base/system-error.ts';
import { CorruptDataError, DataDirectoryLockedError } from '../data-errors.ts';
import { DEFAULT_LEVEL, type LevelLimits } from '../limits.ts';
import type {
  CursorOptions,
  OpenState,
  StateBatch,
  StateCursor,
  StateEngine,
  StateSnapshot,
} from './engine.ts';
import { verifyLevel, verifyTables } from './level/verify.ts';

type Level = ClassicLevel<Bytes, Bytes>;
type Snapshot = ReturnType<Level['snapshot']>;

/** A span above all keys of the state (stored-keys.ts). */
const BEYOND = [Uint8Array.of(0xff, 0xff, 0xff, 0xff), Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff)] as const;

const FILE_BYTES_MAX = 8 * 1024 * 1024;

/** Opens a LevelDB after verifying its files. The caller holds the lock of the data directory. */
export function levelWith({ cacheBytes, writeBufferBytes }: LevelLimits): OpenState {
  return async (path) => {
    await verifyLevel(path);
    const level: Level = new ClassicLevel<Bytes, Bytes>(path, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      cacheSize: cacheBytes,
      writeBufferSize: writeBufferBytes,
      maxFileSize: FILE_BYTES_MAX,
    });
    try {
      await level.open();
    } catch (error) {
      throw openError(path, error);
    }
    return new LevelEngine(level, path);
  };
}

export const openLevel: OpenState = levelWith(DEFAULT_LEVEL);

/**
 * The files in the directory of the lock. They are removed if they are damaged. The lock itself is the file LOCK, which
 * stays.
 */
const LOCK_CONTENT = /^(CURRENT|LOG|LOG\.old|MANIFEST-[0-9]+|[0-9]+\.(log|ldb|dbtmp))$/;

/**
 * Opens an empty LevelDB, to which nothing is written. The process that has it open holds the lock. Rejects with
 * DataDirectoryLockedError.
 */
export async function openLevelLock(path: string): Promise<{ close(): Promise<void> }> {
  try {
    return await openLock(path);
  } catch (error) {
    if (error instanceof DataDirectoryLockedError) throw error;
    // It holds no data, so its damage means nothing.
    for (const name of await readdir(path)) if (LOCK_CONTENT.test(name)) await rm(join(path, name));
    return openLock(path);
  }
}

async function openLock(path: string): Promise<Level> {
  const level: Level = new ClassicLevel<Bytes, Bytes>(path, { cacheSize: 0, writeBufferSize: 64 * 1024 });
  try {
    await level.open();
    return level;
  } catch (error) {
    throw openError(path, error);
  }
}

function openError(path: string, error: unknown): unknown {
  const cause = causeOf(error);
  const code = systemCode(cause);
  if (code === 'LEVEL_LOCKED')
    return new DataDirectoryLockedError(`${path} is in use by another process`, { cause });
  if (code === 'LEVEL_CORRUPTION') return new CorruptDataError(`the state in ${path} is damaged`, { cause });
  return cause;
}

/** LevelDB wraps the errors of an open; others come as they are. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error;
}

/** The error to throw for a failed read: a block that cannot be read is damaged. */
function readError(error: unknown): unknown {
  const code = systemCode(causeOf(error));
  // A failed lookup has no code, whatever the disk has reported.
  if (code !== undefined && code !== 'LEVEL_CORRUPTION' && code !== 'LEVEL_IO_ERROR') return error;
  return new CorruptDataError(`the state store cannot be read: ${messageOf(error)}`, { cause: error });
}

/** The error to throw for a failed write or flush. Both may merge tables, and so may meet damage. */
function writeError(error: unknown): unknown {
  if (systemCode(causeOf(error)) !== 'LEVEL_CORRUPTION') return error;
  return new CorruptDataError(`the state store is damaged: ${messageOf(error)}`, { cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function mapped<T>(work: Promise<T>, map: (error: unknown) => unknown): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw map(error);
  }
}

function getSync(level: Level, key: Bytes, snapshot?: Snapshot): Bytes | undefined {
  try {
    return snapshot === undefined ? level.getSync(key) : level.getSync(key, { snapshot });
  } catch (error) {
    throw readError(error);
  }
}

class LevelEngine implements StateEngine {
  readonly #level: Level;
  readonly #path: string;

  constructor(level: Level, path: string) {
    this.#level = level;
    this.#path = path;
  }

  get(key: Bytes): Bytes | undefined {
    return getSync(this.#level, key);
  }

  /** A chained batch of LevelDB. An array of operations is much slower. */
  batch(): StateBatch {
    const batch = this.#level.batch();
    return {
      put: (key, value) => void batch.put(key, value),
      delete: (key) => void batch.del(key),
      write: () => mapped(batch.write({ sync: true }), writeError),
      writeUnsynced: () => mapped(batch.write(), writeError),
    };
  }

  open(options: CursorOptions): StateCursor {
    return openCursor(this.#level, options);
  }

  snapshot(): StateSnapshot {
    const snapshot = this.#level.snapshot();
    return {
      get: (key) => getSync(this.#level, key, snapshot),
      open: (options) => openCursor(this.#level, options, snapshot),
      close: () => void snapshot.close(),
    };
  }

  /**
   * LevelDB writes its memtable to tables, synced, before it compacts a span. In this span there is nothing to compact.
   */
  flush(): Promise<void> {
    return mapped(this.#level.compactRange(...BEYOND), writeError);
  }

  approximateBytes(start: Bytes, end: Bytes): Promise<number> {
    return mapped(this.#level.approximateSize(start, end), readError);
  }

  verify(turn: (bytes: number) => Promise<void>): Promise<number> {
    return verifyTables(this.#path, turn);
  }

  close(): Promise<void> {
    return this.#level.close();
  }
}

function openCursor(level: Level, options: CursorOptions, snapshot?: Snapshot): StateCursor {
  const iterator = level.iterator({
    gte: options.start,
    lt: options.end,
    reverse: options.reverse,
    values: options.values,
    highWaterMarkBytes: options.bytesMax,
    snapshot,
  });
  return {
    next: (rows) => mapped(iterator.nextv(rows), readError),
    close: () => void iterator.close(),
  };
}
