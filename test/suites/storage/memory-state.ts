// A twin of LevelDB: a sorted array. A batch that is being written at a power cut happens or does not. The same is true
// of each unsynced batch since the last flush, whatever was written after it. Cursors and snapshots show the moment at
// which they were opened.

import { type Bytes, compareBytes } from '../../../common/base/bytes.ts';
import { CorruptDataError, DataDirectoryLockedError } from '../../../kvnode/storage/data-errors.ts';
import type { LockDirectory } from '../../../kvnode/storage/directory-lock.ts';
import type {
  CursorOptions,
  StateBatch,
  StateCursor,
  StateEngine,
} from '../../../kvnode/storage/state/engine.ts';

type Pair = readonly [Bytes, Bytes];

/** The content of the disk. It outlives the engines that open it. */
export class StateImage {
  pairs: readonly Pair[] = [];
  /** The batches from the oldest one on that may not be on the disk. */
  #since: Written[] = [];
  /** What is in tables, and the batches in the log since then: only those can be lost one by one. */
  #tables: readonly Pair[] = [];
  #log: Written[] = [];
  /** Batches whose write has begun and not resolved. */
  readonly underWay = new Set<readonly Operation[]>();
  locked = false;
  batches = 0;
  /** The error of the next writes. */
  writeError: Error | null = null;
  /** The damage that a verification finds. */
  damage: string | null = null;
  /** A missing file of the store: the store cannot be opened. */
  lostFile: string | null = null;
  /** Cursors and writes wait for this first. */
  beforeRead: () => Promise<void> = () => Promise.resolve();

  write(written: Written): void {
    this.pairs = apply(this.pairs, written.operations);
    this.batches++;
    this.#log.push(written);
    if (!written.synced || this.#since.length > 0) this.#since.push(written);
  }

  flush(): void {
    this.#since = [];
    this.moveToTables();
  }

  /** LevelDB does this when it is opened. */
  moveToTables(): void {
    this.#tables = this.pairs;
    this.#log = [];
  }

  bytesInTables(start: Bytes, end: Bytes): number {
    const from = find(this.#tables, start).at;
    const inside = this.#tables.slice(from, Math.max(from, find(this.#tables, end).at));
    return inside.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  }

  // ---- damage ----------------------------------------------------------------------------------------------------

  /** The number of batches that can be lost one by one. */
  get batchesInLog(): number {
    return this.#log.length;
  }

  /** Loses one batch, and keeps those after it. */
  loseBatch(index: number): void {
    this.#log.splice(index, 1);
    this.#replay();
  }

  #replay(): void {
    this.pairs = this.#log.reduce((pairs, { operations }) => apply(pairs, operations), this.#tables);
    this.#since = [];
  }

  /** Flips one bit of one stored value. */
  flipBit(index: number, bit: number): void {
    this.pairs = this.pairs.map(([key, value], at) => {
      if (at !== index || value.length === 0) return [key, value];
      const bytes = Uint8Array.from(value);
      const byte = (bit >>> 3) % bytes.length;
      bytes[byte] = (bytes[byte] ?? 0) ^ (1 << (bit & 7));
      return [key, bytes];
    });
    this.flush();
  }

  afterPowerCut(survives: () => boolean): StateImage {
    const image = new StateImage();
    image.lostFile = this.lostFile;
    image.#tables = this.#tables;
    image.#log = this.#log.filter((written) => {
      return written.synced || !this.#since.includes(written) || survives();
    });
    for (const operations of this.underWay) {
      if (survives()) image.#log.push({ operations, synced: true });
    }
    image.#replay();
    return image;
  }
}

interface Written {
  readonly operations: readonly Operation[];
  readonly synced: boolean;
}

interface Operation {
  readonly key: Bytes;
  readonly value: Bytes | null;
}

function find(pairs: readonly Pair[], key: Bytes): { readonly at: number; readonly found: boolean } {
  let low = 0;
  let high = pairs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const pair = pairs[middle];
    if (pair !== undefined && compareBytes(pair[0], key) < 0) low = middle + 1;
    else high = middle;
  }
  const pair = pairs[low];
  return { at: low, found: pair !== undefined && compareBytes(pair[0], key) === 0 };
}

function apply(pairs: readonly Pair[], operations: readonly Operation[]): readonly Pair[] {
  const next = [...pairs];
  for (const { key, value } of operations) {
    const { at, found } = find(next, key);
    next.splice(at, found ? 1 : 0, ...(value === null ? [] : [[key, value] as const]));
  }
  return next;
}

function lookUp(pairs: readonly Pair[], key: Bytes): Bytes | undefined {
  const { at, found } = find(pairs, key);
  return found ? pairs[at]?.[1] : undefined;
}

/** No lock: the image itself has one. */
export const noLock: LockDirectory = async () => ({ release: async () => {} });

export async function openMemoryState(image: StateImage, path: string): Promise<StateEngine> {
  if (image.locked) throw new DataDirectoryLockedError(`${path} is in use by another process`);
  if (image.lostFile !== null) throw new CorruptDataError(`${path}/${image.lostFile} is missing`);
  image.locked = true;
  image.moveToTables();
  return {
    get: (key) => lookUp(image.pairs, key),
    batch: () => makeBatch(image),
    open: (options) => makeCursor(image, image.pairs, options),
    snapshot: () => {
      const pairs = image.pairs;
      return {
        get: (key) => lookUp(pairs, key),
        open: (options) => makeCursor(image, pairs, options),
        close: () => {},
      };
    },
    flush: async () => {
      await image.beforeRead();
      image.flush();
    },
    approximateBytes: async (start, end) => {
      await image.beforeRead();
      return image.bytesInTables(start, end);
    },
    verify: async (turn) => {
      await image.beforeRead();
      const bytes = image.pairs.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
      await turn(bytes);
      if (image.damage !== null) throw new CorruptDataError(image.damage);
      return bytes;
    },
    close: async () => {
      image.locked = false;
    },
  };
}

function makeBatch(image: StateImage): StateBatch {
  const operations: Operation[] = [];
  const write = async (synced: boolean): Promise<void> => {
    image.underWay.add(operations);
    await image.beforeRead();
    if (image.writeError !== null) throw image.writeError;
    image.underWay.delete(operations);
    image.write({ operations, synced });
  };
  return {
    put: (key, value) => void operations.push({ key: Uint8Array.from(key), value: Uint8Array.from(value) }),
    delete: (key) => void operations.push({ key: Uint8Array.from(key), value: null }),
    write: () => write(true),
    writeUnsynced: () => write(false),
  };
}

function makeCursor(image: StateImage, pairs: readonly Pair[], options: CursorOptions): StateCursor {
  const from = find(pairs, options.start).at;
  const inside = pairs.slice(from, Math.max(from, find(pairs, options.end).at));
  if (options.reverse) inside.reverse();
  return {
    next: async (rows) => {
      await image.beforeRead();
      const taken: [Bytes, Bytes | undefined][] = [];
      for (let bytes = 0; taken.length < rows && (bytes < options.bytesMax || taken.length === 0); ) {
        const pair = inside.shift();
        if (pair === undefined) break;
        taken.push([pair[0], options.values ? pair[1] : undefined]);
        bytes += pair[0].length + (options.values ? pair[1].length : 0);
      }
      return taken;
    },
    close: () => {},
  };
}
