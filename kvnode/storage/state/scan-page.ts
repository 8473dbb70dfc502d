// One page of a scan: rows of the state store merged with the overlays that are newer than it. Pure; state.ts calls it in the
// turn in which the store's rows arrived, so that the page is the state of one moment. It is made of parts of the store's blocks,
// whole blocks where no overlay has anything between their rows, and nothing is copied before the answer is written.

import { type Bytes, compareBytes, emptyBytes, keyAfter } from '../../../common/base/bytes.ts';
import type { KeyRange } from '../../../common/model/key-range.ts';
import { EncodedRows, encodedRowSize, encodeRow, RowWalk } from '../../../common/wire/encoded-rows.ts';
import { copyOf } from '../../../common/wire/messages.ts';
import { type KeyText, keyText, lowerBound } from '../rows/key-text.ts';
import type { PageRequest } from '../storage.ts';
import type { NamespaceOverlay, OverlayRow } from './overlay.ts';
import type { RowBlock } from './row-block.ts';

/** What the store holds from the beginning of the scan on, all of it in the bounds. */
export interface StoredRows {
  readonly blocks: readonly RowBlock[];
  /** There is no more in the bounds. */
  readonly ended: boolean;
}

/** A page without the position of its replica. */
export interface MergedPage {
  readonly rows: EncodedRows;
  readonly count: number;
  readonly bound: Bytes | null;
}

/** The page, or null where more stored rows are needed to fill it. `layers`: newest first. */
export function mergePage(
  layers: readonly NamespaceOverlay[],
  stored: StoredRows,
  bounds: KeyRange,
  options: PageRequest,
): MergedPage | null {
  const page = new PageBuilder(bounds, options);
  const overlays = new OverlayIterator(layers, bounds, options.reverse);
  for (const block of stored.blocks) {
    if (overlays.isPast(block) && page.addBlock(block)) continue;
    if (!mergeBlock(page, overlays, block, options.reverse ? -1 : 1)) return page.stopped();
  }
  if (!stored.ended) return null;
  for (let row = overlays.row; row !== null; row = overlays.step()) {
    if (!page.addOverlaid(row)) return page.stopped();
  }
  return page.complete();
}

/** Row by row; false where the page has no room for another one. */
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
    // The overlay has a newer version of this very row.
    if (!page.addOverlaid(row)) return false;
    row = overlays.step();
  }
  return true;
}

/** Rows that are not in a block as the page needs them are laid in pieces of memory so large. */
const SHEET_BYTES = 4 * 1024;

class PageBuilder {
  readonly #bounds: KeyRange;
  readonly #options: PageRequest;
  readonly #parts: Bytes[] = [];
  #count = 0;
  #bytes = 0;
  #bound: Bytes | null = null;
  /** The part that grows: of a block, or of rows laid here. */
  #source: Bytes = emptyBytes;
  #from = 0;
  #to = 0;
  /** Where the next row is encoded, if there is room for it. */
  #sheet: Bytes = emptyBytes;
  #sheetEnd = 0;

  constructor(bounds: KeyRange, options: PageRequest) {
    this.#bounds = bounds;
    this.#options = options;
  }

  /** All of the block; false where it would fill the page or goes not as a whole, and nothing of it is added. */
  addBlock({ rows, count, bytes }: RowBlock): boolean {
    const { limitRows, limitBytes, keysOnly, countOnly } = this.#options;
    if (this.#count + count >= limitRows || this.#bytes + bytes >= limitBytes || keysOnly) return false;
    this.#count += count;
    this.#bytes += bytes;
    if (!countOnly) this.#extend(rows, 0, rows.length);
    return true;
  }

  /** The row that the walk is at. Whether there may be room for another one. */
  addStored(walk: RowWalk): boolean {
    const { limitRows, keysOnly, countOnly } = this.#options;
    const bytes = keysOnly ? walk.keyLength : walk.keyLength + walk.valueLength;
    if (this.#isOver(bytes)) return this.#stopBefore(walk.key);
    this.#count++;
    this.#bytes += bytes;
    if (keysOnly && !countOnly) this.#encode(walk.key, emptyBytes, walk.revision);
    else if (!countOnly) this.#extend(walk.bytes, walk.at, walk.end);
    return this.#count < limitRows || this.#stopAfter(walk.key);
  }

  /** Nothing where the row is deleted. Whether there may be room for another one. */
  addOverlaid({ key, value, revision }: OverlayRow): boolean {
    if (value === null) return true;
    const { limitRows, keysOnly, countOnly } = this.#options;
    const bytes = keysOnly || countOnly ? key.length : key.length + value.length;
    if (this.#isOver(bytes)) return this.#stopBefore(key);
    this.#count++;
    this.#bytes += bytes;
    if (!countOnly) this.#encode(key, keysOnly ? emptyBytes : value, revision);
    return this.#count < limitRows || this.#stopAfter(key);
  }

  #isOver(bytes: number): boolean {
    return this.#count > 0 && this.#bytes + bytes > this.#options.limitBytes;
  }

  #stopBefore(key: Bytes): false {
    this.#bound = this.#options.reverse ? keyAfter(key) : copyOf(key);
    return false;
  }

  #stopAfter(key: Bytes): false {
    this.#bound = this.#options.reverse ? copyOf(key) : keyAfter(key);
    return false;
  }

  #encode(key: Bytes, value: Bytes, revision: number): void {
    const length = encodedRowSize(key.length, value.length, revision);
    if (this.#sheetEnd + length > this.#sheet.length) {
      this.#sheet = Buffer.allocUnsafe(Math.max(length, SHEET_BYTES));
      this.#sheetEnd = 0;
    }
    const at = this.#sheetEnd;
    this.#sheetEnd = encodeRow(this.#sheet, at, key, 0, value, 0, revision);
    this.#extend(this.#sheet, at, this.#sheetEnd);
  }

  /** The page goes on with these bytes. */
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
    const whole = this.#from === 0 && this.#to === this.#source.length;
    this.#parts.push(whole ? this.#source : this.#source.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }

  stopped(): MergedPage {
    const { start, end } = this.#bounds;
    const bound = this.#bound;
    // keyAfter may pass the end, where the end is the very next key.
    const past = bound !== null && end !== null && compareBytes(bound, end) > 0;
    const before = bound !== null && compareBytes(bound, start) < 0;
    return this.#page(past ? end : before ? start : bound);
  }

  complete(): MergedPage {
    return this.#page(this.#options.reverse ? this.#bounds.start : this.#bounds.end);
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
  /** Where the bounds end: the first index that is outside. */
  readonly stop: number;
}

/** Walks several overlays as one; of one key the newest row counts. */
class OverlayIterator {
  readonly #layers: Layer[] = [];
  readonly #step: number;
  #text: KeyText | null = null;
  /** The row that the walk is at; null at its end. */
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

  /** Whether the walk has nothing between the rows of the block, nor before them. */
  isPast({ end }: RowBlock): boolean {
    return this.#text === null || (end !== null && this.#text >= end);
  }

  /** On to the next key. */
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
