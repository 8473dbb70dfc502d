// One page of a scan: rows of the state store, merged with the newer overlays. It has no side effects. applied-state.ts
// calls it in the turn in which the rows of the store arrived, so the page is the state of one moment. A page consists
// of slices of the blocks of the store. A block is taken as it is if no overlay has a key within it. So no stored row is
// copied here before the answer is sent.

import { type Bytes, compareBytes, emptyBytes, keyAfter } from '../../../common/base/bytes.ts';
import type { KeyRange } from '../../../common/model/key-range.ts';
import { EncodedRows, encodedRowSize, encodeRow, RowWalk } from '../../../common/wire/encoded-rows.ts';
import { copyOf } from '../../../common/wire/messages.ts';
import { type KeyText, keyText, lowerBound } from '../rows/key-text.ts';
import type { PageRequest } from '../storage.ts';
import type { NamespaceOverlay, OverlayRow } from './overlay.ts';
import type { RowBlock } from './row-block.ts';

/** The rows of the store from the start of the scan on. All of them are in its bounds. */
export interface StoredRows {
  readonly blocks: readonly RowBlock[];
  /** The store has no more rows in the bounds. */
  readonly ended: boolean;
}

/** A page without the position of its replica. */
export interface MergedPage {
  readonly rows: EncodedRows;
  readonly count: number;
  readonly bound: Bytes | null;
}

/** The page. Null if more stored rows are needed to fill it. `layers`: the overlays, newest first. */
export function mergePage(
  layers: readonly NamespaceOverlay[],
  stored: StoredRows,
  bounds: KeyRange,
  request: PageRequest,
): MergedPage | null {
  const page = new PageBuilder(bounds, request);
  const overlays = new OverlayIterator(layers, bounds, request.reverse);
  for (const block of stored.blocks) {
    if (overlays.isPast(block) && page.addBlock(block)) continue;
    if (!mergeBlock(page, overlays, block, request.reverse ? -1 : 1)) return page.stopped();
  }
  if (!stored.ended) return null;
  for (let row = overlays.row; row !== null; row = overlays.step()) {
    if (!page.addOverlaid(row)) return page.stopped();
  }
  return page.complete();
}

/** Adds the block row by row, with the rows of the overlays between. False if the page has no room for another row. */
function mergeBlock(page: PageBuilder, overlays: OverlayIterator, block: RowBlock, sign: 1 | -1): boolean {
  const walk = new RowWalk(block.rows);
  let row = overlays.row;
  while (walk.next()) {
    let order = row === null ? -1 : sign * walk.compareKey(row.key);
    for (; order > 0 && row !== null; order = row === null ? -1 : sign * walk.compareKey(row.key)) {
      if (!page.addOverlaid(row)) return false;
      row = overlays.step();
    }
    if (order < 0 && !page.addStored(walk)) return false;
    if (order !== 0 || row === null) continue;
    // The overlay has a newer version of this row.
    if (!page.addOverlaid(row)) return false;
    row = overlays.step();
  }
  return true;
}

/** Rows that no block has in the needed form are encoded in buffers of this size. */
const SHEET_BYTES = 4 * 1024;

class PageBuilder {
  readonly #bounds: KeyRange;
  readonly #request: PageRequest;
  readonly #parts: Bytes[] = [];
  #count = 0;
  #bytes = 0;
  #bound: Bytes | null = null;
  /** The slice that is being extended: of a block, or of rows encoded here. */
  #source: Bytes = emptyBytes;
  #from = 0;
  #to = 0;
  /** Where the next row is encoded, if there is room for it. */
  #sheet: Bytes = emptyBytes;
  #sheetEnd = 0;

  constructor(bounds: KeyRange, request: PageRequest) {
    this.#bounds = bounds;
    this.#request = request;
  }

  /**
   * Adds all rows of the block. If they would fill the page, it adds nothing and returns false.
   */
  addBlock({ rows, count, bytes }: RowBlock): boolean {
    const { limitRows, limitBytes, countOnly } = this.#request;
    if (this.#count + count >= limitRows || this.#bytes + bytes >= limitBytes) return false;
    this.#count += count;
    this.#bytes += bytes;
    if (!countOnly) this.#extend(rows, 0, rows.length);
    return true;
  }

  /** Adds the row that the walk is at. Returns whether there may be room for another one. */
  addStored(walk: RowWalk): boolean {
    const { limitRows, countOnly } = this.#request;
    const bytes = walk.keyLength + walk.valueLength;
    if (this.#isOver(bytes)) return this.#stopBefore(walk.key);
    this.#count++;
    this.#bytes += bytes;
    if (!countOnly) this.#extend(walk.bytes, walk.at, walk.end);
    return this.#count < limitRows || this.#stopAfter(walk.key);
  }

  /** Adds a row of an overlay; a deletion adds nothing. Returns whether there may be room for another one. */
  addOverlaid({ key, value, revision }: OverlayRow): boolean {
    if (value === null) return true;
    const { limitRows, countOnly } = this.#request;
    const shown = this.#cut(value);
    const bytes = countOnly ? key.length : key.length + shown.length;
    if (this.#isOver(bytes)) return this.#stopBefore(key);
    this.#count++;
    this.#bytes += bytes;
    if (!countOnly) this.#encode(key, shown, revision, shown.length < value.length ? value.length : 0);
    return this.#count < limitRows || this.#stopAfter(key);
  }

  #isOver(bytes: number): boolean {
    return this.#count > 0 && this.#bytes + bytes > this.#request.limitBytes;
  }

  #stopBefore(key: Bytes): false {
    this.#bound = this.#request.reverse ? keyAfter(key) : copyOf(key);
    return false;
  }

  #stopAfter(key: Bytes): false {
    this.#bound = this.#request.reverse ? copyOf(key) : keyAfter(key);
    return false;
  }

  #cut(value: Bytes): Bytes {
    const max = this.#request.valueBytesMax;
    return max === null || value.length <= max ? value : value.subarray(0, max);
  }

  #encode(key: Bytes, value: Bytes, revision: number, cutFrom: number): void {
    const length = encodedRowSize(key.length, value.length, revision, cutFrom);
    if (this.#sheetEnd + length > this.#sheet.length) {
      this.#sheet = Buffer.allocUnsafe(Math.max(length, SHEET_BYTES));
      this.#sheetEnd = 0;
    }
    const at = this.#sheetEnd;
    this.#sheetEnd = encodeRow(this.#sheet, at, key, 0, value, 0, revision, cutFrom);
    this.#extend(this.#sheet, at, this.#sheetEnd);
  }

  /** Continues the page with these bytes. */
  #extend(source: Bytes, from: number, to: number): void {
    if (this.#source !== source || this.#to !== from) {
      this.#finishPart();
      this.#source = source;
      this.#from = from;
    }
    this.#to = to;
  }

  #finishPart(): void {
    if (this.#from === this.#to) return;
    const isAll = this.#from === 0 && this.#to === this.#source.length;
    this.#parts.push(isAll ? this.#source : this.#source.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }

  stopped(): MergedPage {
    const { start, end } = this.#bounds;
    const bound = this.#bound;
    // keyAfter may be beyond the end, if the end is the very next key.
    const past = bound !== null && end !== null && compareBytes(bound, end) > 0;
    const before = bound !== null && compareBytes(bound, start) < 0;
    return this.#page(past ? end : before ? start : bound);
  }

  complete(): MergedPage {
    return this.#page(this.#request.reverse ? this.#bounds.start : this.#bounds.end);
  }

  #page(bound: Bytes | null): MergedPage {
    this.#finishPart();
    return { rows: new EncodedRows(this.#parts), count: this.#count, bound };
  }
}

interface Layer {
  readonly overlay: NamespaceOverlay;
  readonly sorted: readonly KeyText[];
  at: number;
  /** The first index outside of the bounds. */
  readonly stop: number;
}

/** Iterates over several overlays in key order. If several rows have the same key, it returns the newest. */
class OverlayIterator {
  readonly #layers: Layer[] = [];
  readonly #step: number;
  #text: KeyText | null = null;
  /** The current row. Null at the end. */
  row: OverlayRow | null = null;

  constructor(layers: readonly NamespaceOverlay[], bounds: KeyRange, reverse: boolean) {
    this.#step = reverse ? -1 : 1;
    for (const layer of layers) {
      const sorted = layer.sorted();
      const from = lowerBound(sorted, keyText(bounds.start));
      const to = bounds.end === null ? sorted.length : lowerBound(sorted, keyText(bounds.end));
      if (from >= to) continue;
      this.#layers.push({
        overlay: layer,
        sorted,
        at: reverse ? to - 1 : from,
        stop: reverse ? from - 1 : to,
      });
    }
    this.#find();
  }

  /** Whether no overlay has a key before the end of the block. The iterator is past the block then. */
  isPast({ end }: RowBlock): boolean {
    return this.#text === null || (end !== null && this.#text >= end);
  }

  /** Moves to the next key. */
  step(): OverlayRow | null {
    for (const layer of this.#layers) {
      if (layer.at !== layer.stop && layer.sorted[layer.at] === this.#text) layer.at += this.#step;
    }
    this.#find();
    return this.row;
  }

  #find(): void {
    this.#text = null;
    this.row = null;
    for (const layer of this.#layers) {
      if (layer.at === layer.stop) continue;
      const text = layer.sorted[layer.at] as KeyText;
      const first = this.#text === null || (this.#step > 0 ? text < this.#text : text > this.#text);
      if (!first) continue;
      this.#text = text;
      this.row = layer.overlay.getByText(text) ?? null;
    }
  }
}
