// The sorted store under the state, as the rest of the storage sees it: LevelDB in level-engine.ts, a twin in the simulator
// and the tests. Keys are ordered by unsigned bytes.

import type { Bytes } from '../../../common/base/bytes.ts';

/** Changes that take effect together or not at all. */
export interface StateBatch {
  put(key: Bytes, value: Bytes): void;
  delete(key: Bytes): void;
  /** Resolves when they are on the disk. The byte strings may be reused once this has been called. */
  write(): Promise<void>;
  /** Without waiting for the disk: after a power cut they may be gone, whatever was written later, until {@link StateEngine.flush}. */
  writeUnsynced(): Promise<void>;
}

export interface CursorOptions {
  /** Keys in [start, end). */
  readonly start: Bytes;
  readonly end: Bytes;
  readonly reverse: boolean;
  /** Without values the cursor hands out undefined for them. */
  readonly values: boolean;
  /** About how many bytes one `next` may read. */
  readonly bytesMax: number;
}

/** A walk over the state as it was when the cursor was opened. */
export interface StateCursor {
  /** Up to `rows` rows, at least one unless there are no more. */
  next(rows: number): Promise<readonly [Bytes, Bytes | undefined][]>;
  close(): void;
}

/** The state of one moment. */
export interface StateSnapshot {
  get(key: Bytes): Bytes | undefined;
  open(options: CursorOptions): StateCursor;
  close(): void;
}

export interface StateEngine {
  get(key: Bytes): Bytes | undefined;
  batch(): StateBatch;
  open(options: CursorOptions): StateCursor;
  snapshot(): StateSnapshot;
  /** Resolves when all that was written is on the disk; where that fails, so does every later write of a batch. */
  flush(): Promise<void>;
  /**
   * Verifies what is on the disk as it lies there, while reads and writes go on. `turn` is awaited before each piece of so
   * many bytes is read. Answers the bytes verified. Throws CorruptDataError.
   */
  verify(turn: (bytes: number) => Promise<void>): Promise<number>;
  close(): Promise<void>;
}

/** Opens the state in a directory and locks it. Throws DataDirectoryLockedError, CorruptDataError. */
export type OpenState = (path: string) => Promise<StateEngine>;
