// The rows of the store for one scan. They come from the leaf cache if it has the keys, else from the store itself, and
// rows read from the store are added to the cache. The parts may be of different moments: the overlays that existed
// when the scan began, and the later ones, have all changes in between.

import { type Bytes, emptyBytes } from '../../../common/base/bytes.ts';
import type { NamespaceId } from '../../../common/model/ids.ts';
import type { KeyRange } from '../../../common/model/key-range.ts';
import { LEAF_BYTES, type Leaf, type LeafCache } from '../cache/leaf-cache.ts';
import { type KeyText, keyText } from '../rows/key-text.ts';
import type { PageRequest } from '../storage.ts';
import type { StateCursor, StateEngine } from './engine.ts';
import { cutBlock, encodeBlock, type RowBlock, type StoredPair, sliceBlock } from './row-block.ts';
import { ROW_PREFIX_BYTES, rowBounds } from './stored-keys.ts';

const CURSOR_ROWS_MIN = 4;
const CURSOR_ROWS_MAX = 1000;

export interface StoredScanOptions {
  readonly engine: StateEngine;
  readonly leaves: LeafCache;
  readonly namespaceId: NamespaceId;
  readonly bounds: KeyRange;
  readonly request: PageRequest;
  /**
   * Whether no batch since the scan began has changed, or is changing, a row in [start, end). Then what the cursor
   * shows is up to date.
   */
  readonly unchanged: (start: KeyText, end: KeyText | null) => boolean;
}

export class StoredScan {
  /** In the order of the scan. Values are cut as the request says, so that a page of long values holds little memory. */
  readonly blocks: RowBlock[] = [];
  /** The store has no more rows in the bounds. */
  ended = false;
  /** The number of rows in the blocks. */
  count = 0;
  readonly #options: StoredScanOptions;
  readonly #end: KeyText | null;
  /** Only forward scans that return rows use the leaf cache and fill it. */
  readonly #usesLeaves: boolean;
  #bytes = 0;
  /** Forward: the scan has everything before this key. */
  #at: KeyText;
  #gap: { readonly cursor: StateCursor; readonly end: KeyText | null; readonly generation: number } | null =
    null;

  constructor(options: StoredScanOptions) {
    const { bounds, request } = options;
    this.#options = options;
    this.#at = keyText(bounds.start);
    this.#end = bounds.end === null ? null : keyText(bounds.end);
    this.#usesLeaves = !request.reverse && !request.countOnly;
  }

  /**
   * Takes blocks from the cache. False if the store must be read before there are enough rows for a page, which has at
   * least `rowsMin` rows.
   */
  takeCached(rowsMin: number): boolean {
    const { leaves, namespaceId } = this.#options;
    while (!this.ended && !this.#isEnough(rowsMin)) {
      const leaf = this.#usesLeaves && this.#gap === null ? leaves.find(namespaceId, this.#at) : undefined;
      if (leaf === undefined) return false;
      const start = leaf.start < this.#at ? bytesOf(this.#at) : null;
      const past = this.#end !== null && (leaf.end === null || leaf.end > this.#end);
      this.#take(sliceBlock(leaf, start, past ? this.#options.bounds.end : null));
      this.#advanceTo(leaf.end);
    }
    return true;
  }

  /** Reads the next rows from the store. */
  async read(): Promise<void> {
    const { request } = this.#options;
    this.#gap ??= this.#open();
    const { cursor, end } = this.#gap;
    const wanted = Math.max(request.limitRows - this.count, CURSOR_ROWS_MIN);
    const pairs = await this.#next(cursor, Math.min(wanted, CURSOR_ROWS_MAX));
    const known = this.#usesLeaves
      ? this.#leavesOf(pairs, end)
      : [encodeBlock(pairs, 0, Number.POSITIVE_INFINITY)];
    for (const block of known) this.#take(block);
    if (pairs.length === 0) {
      this.close();
      this.#advanceTo(end);
    }
  }

  /** A count reads the values too, since their checksums cover the keys, but keeps none. */
  async #next(cursor: StateCursor, rows: number): Promise<readonly StoredPair[]> {
    const pairs = await cursor.next(rows);
    return this.#options.request.countOnly ? pairs.map(([key]) => [key, undefined]) : pairs;
  }

  close(): void {
    this.#gap?.cursor.close();
    this.#gap = null;
  }

  #isEnough(rowsMin: number): boolean {
    const { limitRows, limitBytes } = this.#options.request;
    return this.count >= rowsMin && (this.count >= limitRows || this.#bytes > limitBytes);
  }

  #take(whole: RowBlock): void {
    const { valueBytesMax } = this.#options.request;
    const block = valueBytesMax === null ? whole : cutBlock(whole, valueBytesMax);
    this.blocks.push(block);
    this.count += block.count;
    this.#bytes += block.bytes;
  }

  #advanceTo(key: KeyText | null): void {
    if (key === null || (this.#end !== null && key >= this.#end)) this.ended = true;
    else this.#at = key;
  }

  #open() {
    const { engine, leaves, namespaceId, bounds, request } = this.#options;
    const known = this.#usesLeaves ? leaves.nextStart(namespaceId, this.#at) : null;
    const endsBefore = known !== null && (this.#end === null || known < this.#end);
    const end = endsBefore ? known : this.#end;
    const cursor = engine.open({
      ...rowBounds(namespaceId, {
        start: this.#usesLeaves ? bytesOf(this.#at) : bounds.start,
        end: endsBefore ? bytesOf(known) : bounds.end,
      }),
      reverse: request.reverse,
      values: true,
      bytesMax: request.limitBytes,
    });
    return { cursor, end, generation: leaves.generation };
  }

  /** The rows that were read, as leaves. If none were read, one leaf says that there is none up to `end`. */
  #leavesOf(pairs: readonly StoredPair[], end: KeyText | null): Leaf[] {
    const read: Leaf[] = [];
    let start = this.#at;
    if (pairs.length === 0) read.push({ start, end, rows: emptyBytes, count: 0, bytes: 0 });
    for (let first = 0; first < pairs.length; ) {
      const block = encodeBlock(pairs, first, LEAF_BYTES);
      first += block.count;
      const next = pairs[first];
      const last = pairs[first - 1] as StoredPair;
      const after = next === undefined ? `${storedText(last)}\0` : storedText(next);
      read.push({ ...block, start, end: after });
      start = after;
    }
    this.#addToCache(read);
    this.#at = start;
    return read;
  }

  #addToCache(read: readonly Leaf[]): void {
    const { leaves, namespaceId, unchanged } = this.#options;
    const [first] = read;
    const last = read.at(-1);
    if (first === undefined || last === undefined || first.start === last.end) return;
    if (leaves.generation === this.#gap?.generation && unchanged(first.start, last.end))
      leaves.add(namespaceId, read);
  }
}

function storedText([key]: StoredPair): KeyText {
  return keyText(key.subarray(ROW_PREFIX_BYTES));
}

function bytesOf(text: KeyText): Bytes {
  return Buffer.from(text, 'latin1');
}
