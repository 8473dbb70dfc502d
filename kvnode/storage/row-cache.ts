// Rows of the state store that were read or written lately, in memory, so that reading one costs a tenth of what the store asks
// for it. The rows stand one after the other in large pieces of memory outside the heap; a table of their places, four to a
// bucket, finds them. The oldest piece goes when there are too many bytes; what a full bucket has no place for is
// forgotten: both are only a row to be read from the store again.
//
// It tells what the store holds now: whoever changes a row in the store tells it, or clears it.

import { assert } from '../../common/base/assert.ts';
import type { Bytes } from '../../common/base/bytes.ts';
import type { NamespaceId } from '../../common/model/ids.ts';
import { viewOf } from './record.ts';
import type { Row } from './storage.ts';

/** A piece of memory is as large; one row never crosses its end. */
const PIECE_BYTES = 1024 * 1024;
/** A row that is larger with its key is not kept. */
const ROW_BYTES_MAX = 128 * 1024;
/** Rows are at multiples of it, so that their places are small numbers. */
const ALIGNMENT = 8;
/** The table has a slot for so many bytes. */
const BYTES_PER_SLOT = 128;
const WAYS = 4;

const KEY_LENGTH = 0;
const VALUE_LENGTH = 4;
const NAMESPACE = 8;
const REVISION = 16;
const HEADER_BYTES = 24;

interface Piece {
  readonly bytes: Buffer;
  readonly view: DataView;
}

export class RowCache {
  /** A ring; the pieces that are kept follow each other in it. */
  readonly #pieces: (Piece | undefined)[];
  readonly #grown: () => void;
  /** Places in bytes since the beginning, never reused; 0: none. */
  #slots: Float64Array;
  readonly #mask: number;
  /** The next row comes here. */
  #head = ALIGNMENT;
  /** Number of the oldest piece that is kept, counted since the beginning, and how many are kept. */
  #oldest = 0;
  #kept = 0;
  #hits = 0;
  #misses = 0;

  /**
   * @param bytesMax of rows; 0: nothing is kept
   * @param grown told after a row for which another piece was needed
   */
  constructor(bytesMax: number, grown: () => void = () => {}) {
    this.#grown = grown;
    this.#pieces = new Array<Piece | undefined>(Math.floor(bytesMax / PIECE_BYTES)).fill(undefined);
    const slots = this.#pieces.length === 0 ? WAYS : 2 ** Math.ceil(Math.log2(bytesMax / BYTES_PER_SLOT));
    this.#slots = new Float64Array(slots);
    this.#mask = slots / WAYS - 1;
  }

  get bytes(): number {
    return this.#kept * PIECE_BYTES;
  }

  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  /** The row as the store has it; undefined: not known here. The value is not overwritten while somebody holds it. */
  get(namespaceId: NamespaceId, key: Bytes): Row | undefined {
    const slot = this.#find(namespaceId, key);
    if (slot < 0) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    const place = this.#slots[slot] as number;
    const { bytes, view } = this.#pieceOf(place);
    const at = place % PIECE_BYTES;
    const start = at + HEADER_BYTES + key.length;
    const value = bytes.subarray(start, start + view.getUint32(at + VALUE_LENGTH));
    return { key, value, revision: view.getFloat64(at + REVISION) };
  }

  /** A row that the store has. */
  add(namespaceId: NamespaceId, row: Row): void {
    const { key, value, revision } = row;
    const size = (HEADER_BYTES + key.length + value.length + ALIGNMENT - 1) & -ALIGNMENT;
    if (size > ROW_BYTES_MAX || this.#pieces.length === 0) return;
    const keptBefore = this.#kept;
    const place = this.#reserve(size);
    const { bytes, view } = this.#pieceOf(place);
    const at = place % PIECE_BYTES;
    view.setUint32(at + KEY_LENGTH, key.length);
    view.setUint32(at + VALUE_LENGTH, value.length);
    view.setUint32(at + NAMESPACE, namespaceId);
    view.setFloat64(at + REVISION, revision);
    bytes.set(key, at + HEADER_BYTES);
    bytes.set(value, at + HEADER_BYTES + key.length);
    this.#slots[this.#slotFor(namespaceId, key)] = place;
    if (this.#kept > keptBefore) this.#grown();
  }

  /** The store has this row now, or none where it is null. */
  changed(namespaceId: NamespaceId, key: Bytes, row: Row | null): void {
    const slot = this.#find(namespaceId, key);
    if (slot >= 0) this.#slots[slot] = 0;
    if (row !== null) this.add(namespaceId, row);
  }

  /** Forgets the rows of the oldest piece; where it is the only one, the next row begins another. */
  dropOldest(): void {
    if (this.#kept === 0) return;
    this.#pieces[this.#oldest % this.#pieces.length] = undefined;
    this.#oldest++;
    this.#kept--;
    this.#head = Math.max(this.#head, this.#oldest * PIECE_BYTES);
  }

  clear(): void {
    if (this.#head === ALIGNMENT) return;
    this.#slots = new Float64Array(this.#slots.length);
    this.#pieces.fill(undefined);
    this.#head = ALIGNMENT;
    this.#oldest = 0;
    this.#kept = 0;
  }

  /** The slot of the row; -1: none. */
  #find(namespaceId: NamespaceId, key: Bytes): number {
    const first = this.#bucketOf(namespaceId, key);
    const tail = this.#tail;
    for (let slot = first; slot < first + WAYS; slot++) {
      const place = this.#slots[slot] as number;
      if (place >= tail && this.#isOf(place, namespaceId, key)) return slot;
    }
    return -1;
  }

  /** A slot for a row that has none: a free one, or that of the oldest row. */
  #slotFor(namespaceId: NamespaceId, key: Bytes): number {
    const first = this.#bucketOf(namespaceId, key);
    let oldest = first;
    for (let slot = first; slot < first + WAYS; slot++) {
      if ((this.#slots[slot] as number) < (this.#slots[oldest] as number)) oldest = slot;
    }
    return oldest;
  }

  /** What is below is gone. */
  get #tail(): number {
    return Math.max(ALIGNMENT, this.#oldest * PIECE_BYTES);
  }

  #isOf(place: number, namespaceId: NamespaceId, key: Bytes): boolean {
    const { bytes, view } = this.#pieceOf(place);
    const at = place % PIECE_BYTES;
    if (view.getUint32(at + KEY_LENGTH) !== key.length) return false;
    if (view.getUint32(at + NAMESPACE) !== namespaceId) return false;
    const start = at + HEADER_BYTES;
    for (let i = 0; i < key.length; i++) if (bytes[start + i] !== key[i]) return false;
    return true;
  }

  /** FNV-1a. */
  #bucketOf(namespaceId: NamespaceId, key: Bytes): number {
    let hash = 0x811c9dc5 ^ namespaceId;
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ (key[i] as number), 0x01000193);
    hash ^= hash >>> 15;
    return (hash & this.#mask) * WAYS;
  }

  #reserve(size: number): number {
    let place = this.#head;
    const left = PIECE_BYTES - (place % PIECE_BYTES);
    if (size > left) place += left;
    const number = Math.floor(place / PIECE_BYTES);
    if (number === this.#oldest + this.#kept) {
      if (this.#kept === this.#pieces.length) this.dropOldest();
      // A new one, not the old one again: somebody may hold a value of that.
      const bytes = Buffer.allocUnsafeSlow(PIECE_BYTES);
      this.#pieces[number % this.#pieces.length] = { bytes, view: viewOf(bytes) };
      this.#kept++;
    }
    this.#head = place + size;
    return place;
  }

  #pieceOf(place: number): Piece {
    const piece = this.#pieces[Math.floor(place / PIECE_BYTES) % this.#pieces.length];
    assert(piece !== undefined, 'a place is in a piece');
    return piece;
  }
}
