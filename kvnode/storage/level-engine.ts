// The state in LevelDB. What must not be lost is written with sync: LevelDB does not sync its old log file when it starts a
// new one, so after a power cut an unsynced older batch could be gone while a newer, synced one is there.

import { ClassicLevel } from 'classic-level';
import type { Bytes } from '../../common/base/bytes.ts';
import { CorruptDataError, DataDirectoryLockedError } from './errors.ts';
import type {
  CursorOptions,
  OpenState,
  StateBatch,
  StateCursor,
  StateEngine,
  StateSnapshot,
} from './state-engine.ts';

type Level = ClassicLevel<Bytes, Bytes>;
type Snapshot = ReturnType<Level['snapshot']>;

const MB = 1024 * 1024;
/** A span above every key of the state (state-keys.ts). */
const BEYOND = [Uint8Array.of(0xff, 0xff, 0xff, 0xff), Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff)] as const;

export const openLevel: OpenState = async (path) => {
  const level: Level = new ClassicLevel<Bytes, Bytes>(path, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    // Rows are kept above it (caches.ts); this one is for blocks that a compaction or a scan is at.
    cacheSize: 16 * MB,
    writeBufferSize: 16 * MB,
    maxFileSize: 8 * MB,
  });
  try {
    await level.open();
  } catch (error) {
    throw openError(path, error);
  }
  return new LevelEngine(level);
};

function openError(path: string, error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'LEVEL_LOCKED')
    return new DataDirectoryLockedError(`${path} is in use by another process`, { cause });
  if (code === 'LEVEL_CORRUPTION') return new CorruptDataError(`the state in ${path} is damaged`, { cause });
  return cause ?? error;
}

class LevelEngine implements StateEngine {
  readonly #level: Level;

  constructor(level: Level) {
    this.#level = level;
  }

  get(key: Bytes): Bytes | undefined {
    return this.#level.getSync(key);
  }

  /** LevelDB's chained batch: with an array of operations the same rows cost seven times as much. */
  batch(): StateBatch {
    const batch = this.#level.batch();
    return {
      put: (key, value) => void batch.put(key, value),
      delete: (key) => void batch.del(key),
      write: () => batch.write({ sync: true }),
      writeUnsynced: () => batch.write(),
    };
  }

  open(options: CursorOptions): StateCursor {
    return openCursor(this.#level, options);
  }

  snapshot(): StateSnapshot {
    const snapshot = this.#level.snapshot();
    return {
      get: (key) => this.#level.getSync(key, { snapshot }),
      open: (options) => openCursor(this.#level, options, snapshot),
      close: () => void snapshot.close(),
    };
  }

  /** Before it compacts anything, here nothing, LevelDB writes all that is in its memory into tables and syncs them. */
  settle(): Promise<void> {
    return this.#level.compactRange(...BEYOND);
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
    next: (rows) => iterator.nextv(rows),
    close: () => void iterator.close(),
  };
}
