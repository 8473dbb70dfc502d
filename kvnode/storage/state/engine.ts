// The interface of the sorted store below the state: LevelDB in level-engine.ts, and a twin in memory for the simulator
// and the tests. Keys are ordered by unsigned bytes.

import type { Bytes } from '../../../common/base/bytes.ts';

/** Changes that take effect together or not at all (a batch of LevelDB). */
export interface StateBatch {
  put(key: Bytes, value: Bytes): void;
  delete(key: Bytes): void;
  /** Resolves when they are synced. The byte strings may be reused once this has been called. */
  write(): Promise<void>;
  /**
   * Does not wait for a sync. Until {@link StateEngine.flush} has resolved, a power cut may lose them, even if later
   * batches survive.
   */
  writeUnsynced(): Promise<void>;
}

export interface CursorOptions {
  /** Keys in [start, end). */
  readonly start: Bytes;
  readonly end: Bytes;
  readonly reverse: boolean;
  /** Whether the cursor returns values. Else they are undefined. */
  readonly values: boolean;
  /** About how many bytes one `next` may read. */
  readonly bytesMax: number;
}

/** A cursor over the state as it was when the cursor was opened. */
export interface StateCursor {
  /** Up to `rows` rows, at least one. Empty only at the end. */
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
  /** Resolves when everything written is in synced tables. If it fails, every later write of a batch fails too. */
  flush(): Promise<void>;
  /**
   * About how many bytes the tables have for keys in [start, end): packed, with old versions of rows. What is not in tables yet does
   * not count.
   */
  approximateBytes(start: Bytes, end: Bytes): Promise<number>;
  /**
   * Verifies the files on the disk while reads and writes go on. `turn` is awaited before each piece of `bytes` bytes
   * is read. Resolves with the bytes verified. Rejects with CorruptDataError.
   */
  verify(turn: (bytes: number) => Promise<void>): Promise<number>;
  close(): Promise<void>;
}

/** Opens the state in a directory and locks it. Rejects with DataDirectoryLockedError, CorruptDataError. */
export type OpenState = (path: string) => Promise<StateEngine>;
