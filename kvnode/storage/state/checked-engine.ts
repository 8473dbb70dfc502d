// The state engine as the storage uses it: what the disk lost or changed is found before it is used.
//
// - A checksum precedes every stored value. It covers the key too, and is verified whenever the value is read.
// - Every synced batch has a number and leaves a mark under it, in the same batch. The engine beneath may drop a damaged
//   batch and keep a newer one; then the marks have a gap, which shows when the store is opened. A mark also says through
//   which group the log was synced, so that a log which ends before that has lost something.
//
// Marks go once their batches are in tables, which are verified as files. A batch at the very end may still be lost
// unseen here; the log says how many it knows of (bodies.ts), and holds what the others had.

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
/** Marks of so many batches are kept before the oldest go. */
const MARKS_MAX = 64;
const CURSOR_ROWS = 1000;
const CURSOR_BYTES = 64 * 1024;

/** What the marks say of the store: its newest batch, 0 if none was ever written, and the mark of that batch. */
export interface BatchesFound extends BatchMark {
  readonly newest: number;
}

const NO_BATCHES: BatchesFound = { newest: 0, first: 1, group: 0 };
export interface CheckedEngineOptions {
  /** Called with the first damage met. It may throw; if it does not, the damage itself is thrown. */
  readonly onDamage: (error: CorruptDataError) => void;
}

const sealed = new ScratchBuffer();

export class CheckedEngine implements StateEngine {
  readonly #engine: StateEngine;
  readonly #onDamage: (error: CorruptDataError) => void;
  /** The last write that was asked for; writes follow each other in the order of their numbers. */
  #last: Promise<unknown> = Promise.resolve();
  #newest: number;
  #firstMark: number;
  /** Batches through this number are in tables. */
  #inTables: number;
  #flushing = false;
  #syncedGroup: (() => number) | null = null;

  private constructor(engine: StateEngine, found: BatchesFound, options: CheckedEngineOptions) {
    this.#engine = engine;
    this.#onDamage = options.onDamage;
    this.#newest = found.newest;
    this.#firstMark = found.first;
    // When LevelDB opens a store it moves all of its log into tables. The newest mark stays, to count on from.
    this.#inTables = found.newest - 1;
  }

  /** Takes over the engine. Throws CorruptDataError where a batch is missing. */
  static async open(
    engine: StateEngine,
    options: CheckedEngineOptions,
  ): Promise<{ readonly engine: CheckedEngine; readonly found: BatchesFound }> {
    const found = await findBatches(engine);
    return { engine: new CheckedEngine(engine, found, options), found };
  }

  /** From now on batches are written. @param syncedGroup the newest group of the log that is synced */
  begin(syncedGroup: () => number): void {
    this.#syncedGroup = syncedGroup;
  }

  /** The number of the newest batch on the disk; 0: none. */
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

  /** Then the next batch deletes the marks of those that were written before. */
  #moveToTables(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    const through = this.#newest;
    const done = (moved: boolean): void => {
      this.#flushing = false;
      if (moved) this.#inTables = through;
    };
    // Where it fails the marks stay, and the next write fails as well.
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

/** A value as it is stored: after its checksum. Valid until the next one is sealed. */
export function withChecksum(key: Bytes, value: Bytes): Bytes {
  const window = sealed.window(CHECKSUM_BYTES + value.length);
  window.set(value, CHECKSUM_BYTES);
  window.writeUInt32LE(checksum(key, value), 0);
  return window;
}

/** Throws CorruptDataError where key or value are not what was stored. */
function verifiedValue(key: Bytes, stored: Bytes): Bytes {
  const value = stored.subarray(CHECKSUM_BYTES);
  const whole = stored.length >= CHECKSUM_BYTES && getU32le(stored, 0) === checksum(key, value);
  if (!whole) throw new CorruptDataError('a row of the state store differs from its checksum');
  return value;
}

function checksum(key: Bytes, value: Bytes): number {
  return crc32c(value, crc32c(key));
}

/** Throws CorruptDataError where a mark is missing between the oldest that must be there and the newest. */
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
