// The state engine as the storage uses it. It finds what the disk has lost or changed before it is used.
//
// - A checksum precedes every stored value. It covers the key too, and is verified whenever the value is read.
// - Every synced batch has a number. In the same batch it writes a mark with that number. If the engine below drops a
//   damaged batch and keeps a newer one, the marks have a gap, which is found when the store is opened. A mark also
//   names the group through which the log was synced then. A log that ends before that group has lost its end.
//
// A mark is deleted once its batch is in tables, since tables are verified as files. If a batch at the very end is
// lost, this engine does not notice. But the log names the batches that it relies on (bodies.ts), and has the entries
// of the others.

import { assert } from '../../../common/base/assert.ts';
import { type Bytes, emptyBytes } from '../../../common/base/bytes.ts';
import { getU32le } from '../../../common/base/integers.ts';
import { crc32c } from '../crc32c.ts';
import { CorruptDataError } from '../data-errors.ts';
import { ScratchBuffer } from '../rows/scratch-buffer.ts';
import type { CursorOptions, StateBatch, StateCursor, StateEngine, StateSnapshot } from './engine.ts';
import {
  BATCH_BOUNDS,
  type BatchMark,
  batchKey,
  batchNumber,
  decodeBatchMark,
  encodeBatchMark,
} from './stored-keys.ts';

const CHECKSUM_BYTES = 4;
/** The number of marks after which the oldest ones are deleted. */
const MARKS_MAX = 64;
const CURSOR_ROWS = 1000;
const CURSOR_BYTES = 64 * 1024;

/** The newest batch according to the marks (0: none was ever written), and its mark. */
export interface BatchesFound extends BatchMark {
  readonly newest: number;
}

const NO_BATCHES: BatchesFound = { newest: 0, first: 1, group: 0 };

export interface CheckedEngineOptions {
  /** Called with damage that is found. It may throw. If it does not, the damage itself is thrown. */
  readonly onDamage: (error: CorruptDataError) => void;
}

const storedValueBuffer = new ScratchBuffer();

export class CheckedEngine implements StateEngine {
  readonly #engine: StateEngine;
  readonly #onDamage: (error: CorruptDataError) => void;
  /** The last write that was requested. Writes run in the order of their requests. */
  #last: Promise<unknown> = Promise.resolve();
  #newest: number;
  #firstMark: number;
  /** Batches up to this number are in tables. */
  #inTables: number;
  #flushing = false;
  #syncedGroup: (() => number) | null = null;

  private constructor(engine: StateEngine, found: BatchesFound, options: CheckedEngineOptions) {
    this.#engine = engine;
    this.#onDamage = options.onDamage;
    this.#newest = found.newest;
    this.#firstMark = found.first;
    // LevelDB moves its whole log into tables when it opens a store. The newest mark stays, so that the numbers
    // continue from it.
    this.#inTables = found.newest - 1;
  }

  /** Wraps an open engine. Rejects with CorruptDataError if a batch is missing. */
  static async open(
    engine: StateEngine,
    options: CheckedEngineOptions,
  ): Promise<{ readonly engine: CheckedEngine; readonly found: BatchesFound }> {
    const found = await findBatches(engine);
    return { engine: new CheckedEngine(engine, found, options), found };
  }

  /**
   * Allows batches to be written.
   * @param syncedGroup returns the newest synced group of the log
   */
  begin(syncedGroup: () => number): void {
    this.#syncedGroup = syncedGroup;
  }

  /** The number of the newest batch on the disk. 0 if there is none. */
  get newestBatch(): number {
    return this.#newest;
  }

  get(key: Bytes): Bytes | undefined {
    return this.#guardSync(() => {
      const stored = this.#engine.get(key);
      return stored === undefined ? undefined : verifiedValue(key, stored);
    });
  }

  batch(): StateBatch {
    const batch = this.#engine.batch();
    return {
      put: (key, value) => batch.put(key, withChecksum(key, value)),
      delete: (key) => batch.delete(key),
      write: () => this.#inOrder(() => this.#writeNumbered(batch)),
      writeUnsynced: () => this.#inOrder(() => batch.writeUnsynced()),
    };
  }

  open(options: CursorOptions): StateCursor {
    return this.#checkedCursor(this.#engine.open(options));
  }

  snapshot(): StateSnapshot {
    const snapshot = this.#engine.snapshot();
    return {
      get: (key) =>
        this.#guardSync(() => {
          const stored = snapshot.get(key);
          return stored === undefined ? undefined : verifiedValue(key, stored);
        }),
      open: (options) => this.#checkedCursor(snapshot.open(options)),
      close: () => snapshot.close(),
    };
  }

  flush(): Promise<void> {
    return this.#guard(this.#engine.flush());
  }

  approximateBytes(start: Bytes, end: Bytes): Promise<number> {
    return this.#guard(this.#engine.approximateBytes(start, end));
  }

  verify(turn: (bytes: number) => Promise<void>): Promise<number> {
    return this.#guard(this.#engine.verify(turn));
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  #checkedCursor(cursor: StateCursor): StateCursor {
    return {
      next: async (rows) => {
        const pairs = await this.#guard(cursor.next(rows));
        return this.#guardSync(() => {
          for (const pair of pairs) if (pair[1] !== undefined) pair[1] = verifiedValue(pair[0], pair[1]);
          return pairs;
        });
      },
      close: () => cursor.close(),
    };
  }

  // ---- batches -----------------------------------------------------------------------------------------------------

  #inOrder(write: () => Promise<void>): Promise<void> {
    const written = this.#last.then(() => this.#guard(write()));
    this.#last = written.catch(() => {});
    return written;
  }

  async #writeNumbered(batch: StateBatch): Promise<void> {
    assert(this.#syncedGroup !== null, 'batches are written once the log is open');
    const number = this.#newest + 1;
    const trimmed = Math.max(this.#firstMark, this.#inTables + 1);
    for (let old = this.#firstMark; old < trimmed; old++) batch.delete(batchKey(old));
    const key = batchKey(number);
    batch.put(key, withChecksum(key, encodeBatchMark({ first: trimmed, group: this.#syncedGroup() })));
    await batch.write();
    this.#newest = number;
    this.#firstMark = trimmed;
    if (number - trimmed >= MARKS_MAX) this.#moveToTables();
  }

  /** Moves all batches into tables. The next batch then deletes their marks. */
  #moveToTables(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    const through = this.#newest;
    const done = (moved: boolean): void => {
      this.#flushing = false;
      if (moved) this.#inTables = through;
    };
    // If it fails, the marks stay, and the next write fails too.
    this.#engine.flush().then(
      () => done(true),
      () => done(false),
    );
  }

  // ---- damage ------------------------------------------------------------------------------------------------------

  async #guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw this.#reported(error);
    }
  }

  #guardSync<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#reported(error);
    }
  }

  #reported(error: unknown): unknown {
    if (error instanceof CorruptDataError) this.#onDamage(error);
    return error;
  }
}

/** A value as it is stored, with its checksum in front. Valid until the next call. */
export function withChecksum(key: Bytes, value: Bytes): Bytes {
  const window = storedValueBuffer.window(CHECKSUM_BYTES + value.length);
  window.set(value, CHECKSUM_BYTES);
  window.writeUInt32LE(valueChecksum(key, value), 0);
  return window;
}

/** The value without its checksum. Throws CorruptDataError if key or value are not what was stored. */
function verifiedValue(key: Bytes, stored: Bytes): Bytes {
  const value = stored.subarray(CHECKSUM_BYTES);
  const isIntact = stored.length >= CHECKSUM_BYTES && getU32le(stored, 0) === valueChecksum(key, value);
  if (!isIntact) throw new CorruptDataError('a row of the state store differs from its checksum');
  return value;
}

function valueChecksum(key: Bytes, value: Bytes): number {
  return crc32c(value, crc32c(key));
}

/** Finds the newest batch. Rejects with CorruptDataError if one of the marks that must exist is missing. */
async function findBatches(engine: StateEngine): Promise<BatchesFound> {
  const marks = await readMarks(engine);
  const newest = Math.max(0, ...marks.keys());
  const mark = marks.get(newest);
  if (mark === undefined) return NO_BATCHES;
  for (let number = mark.first; number < newest; number++) {
    if (!marks.has(number)) {
      throw new CorruptDataError(`the state store has lost batch ${number} of ${newest}`);
    }
  }
  return { newest, ...mark };
}

async function readMarks(engine: StateEngine): Promise<Map<number, BatchMark>> {
  const marks = new Map<number, BatchMark>();
  const cursor = engine.open({ ...BATCH_BOUNDS, reverse: false, values: true, bytesMax: CURSOR_BYTES });
  try {
    for (;;) {
      const pairs = await cursor.next(CURSOR_ROWS);
      if (pairs.length === 0) return marks;
      for (const [key, stored = emptyBytes] of pairs) {
        marks.set(batchNumber(key), decodeBatchMark(verifiedValue(key, stored)));
      }
    }
  } finally {
    cursor.close();
  }
}
