// One page of a scan: rows of the state store merged with the overlays that are newer than it. Pure; state.ts calls it in the
// turn in which the store's rows arrived, so that the page is the state of one moment.

import { type Bytes, compareBytes, keyAfter } from '../../common/base/bytes.ts';
import type { KeyRange } from '../../common/model/key-range.ts';
import { type KeyText, keyText, lowerBound, type NamespaceOverlay, type OverlayRow } from './overlay.ts';
import { ROW_PREFIX_BYTES, readRow } from './state-keys.ts';
import type { Row, ScanOptions } from './storage.ts';

/** What the store holds from the beginning of the scan on, in scan order. */
export interface StoredRows {
  readonly pairs: readonly (readonly [Bytes, Bytes | undefined])[];
  /** There is no more in the bounds. */
  readonly ended: boolean;
}

/** A page without the position of its replica. */
export interface MergedPage {
  readonly rows: readonly Row[];
  readonly count: number;
  readonly bound: Bytes | null;
}

/** The page, or null where more stored rows are needed to fill it. `layers`: newest first. */
export function mergePage(
  layers: readonly NamespaceOverlay[],
  stored: StoredRows,
  bounds: KeyRange,
  options: ScanOptions,
): MergedPage | null {
  const page = new PageBuilder(bounds, options);
  const overlaid = new LayerWalk(layers, bounds, options.reverse);
  const sign = options.reverse ? -1 : 1;
  for (let next = 0; ; ) {
    const pair = stored.pairs[next];
    if (pair === undefined && !stored.ended) return null;
    const row = overlaid.row;
    if (row === null) {
      if (pair === undefined) return page.complete();
      next++;
      if (!page.addStored(pair[0], pair[1])) return page.stopped();
      continue;
    }
    const order = pair === undefined ? 1 : sign * compareStored(pair[0], row.key);
    if (order < 0 && pair !== undefined) {
      next++;
      if (!page.addStored(pair[0], pair[1])) return page.stopped();
      continue;
    }
    if (order === 0) next++;
    if (row.value !== null && !page.add(row.key, row.value, row.revision)) return page.stopped();
    overlaid.step();
  }
}

/** Like compareBytes, of a stored key without its namespace. */
function compareStored(stored: Bytes, key: Bytes): number {
  const length = stored.length - ROW_PREFIX_BYTES;
  const shared = Math.min(length, key.length);
  for (let i = 0; i < shared; i++) {
    const difference = (stored[i + ROW_PREFIX_BYTES] as number) - (key[i] as number);
    if (difference !== 0) return difference;
  }
  return length - key.length;
}

class PageBuilder {
  readonly #bounds: KeyRange;
  readonly #options: ScanOptions;
  readonly #rows: Row[] = [];
  #count = 0;
  #bytes = 0;
  #bound: Bytes | null = null;

  constructor(bounds: KeyRange, options: ScanOptions) {
    this.#bounds = bounds;
    this.#options = options;
  }

  /** Whether there may be room for another one. */
  addStored(storedKey: Bytes, stored: Bytes | undefined): boolean {
    if (stored === undefined) {
      const key = storedKey.subarray(ROW_PREFIX_BYTES);
      return this.#take(key, key.length) && this.#hasRoom(key);
    }
    const row = readRow(storedKey, stored);
    return this.#add(row);
  }

  add(key: Bytes, value: Bytes, revision: number): boolean {
    if (this.#options.countOnly) return this.#take(key, key.length) && this.#hasRoom(key);
    return this.#add({ key, value, revision });
  }

  #add(row: Row): boolean {
    const { keysOnly } = this.#options;
    const bytes = keysOnly ? row.key.length : row.key.length + row.value.length;
    if (!this.#take(row.key, bytes)) return false;
    this.#rows.push(keysOnly ? { ...row, value: emptyValue } : row);
    return this.#hasRoom(row.key);
  }

  /** Counts the row; false where it is one too many. */
  #take(key: Bytes, bytes: number): boolean {
    if (this.#count > 0 && this.#bytes + bytes > this.#options.limitBytes) {
      this.#bound = this.#options.reverse ? keyAfter(key) : key;
      return false;
    }
    this.#count++;
    this.#bytes += bytes;
    return true;
  }

  #hasRoom(key: Bytes): boolean {
    if (this.#count < this.#options.limitRows) return true;
    this.#bound = this.#options.reverse ? key : keyAfter(key);
    return false;
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
    return { rows: this.#rows, count: this.#count, bound };
  }
}

const emptyValue = new Uint8Array(0);

interface Layer {
  readonly rows: ReadonlyMap<KeyText, OverlayRow>;
  readonly sorted: readonly KeyText[];
  at: number;
  /** Where the bounds end: the first index that is outside. */
  readonly stop: number;
}

/** Walks several overlays as one; of one key the newest row counts. */
class LayerWalk {
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
        rows: layer.rows,
        sorted,
        at: reverse ? to - 1 : from,
        stop: reverse ? from - 1 : to,
      });
    }
    this.#find();
  }

  /** On to the next key. */
  step(): void {
    for (const layer of this.#layers) {
      if (layer.at !== layer.stop && layer.sorted[layer.at] === this.#text) layer.at += this.#step;
    }
    this.#find();
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
      this.row = layer.rows.get(text) ?? null;
    }
  }
}
