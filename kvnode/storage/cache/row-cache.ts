// Rows of the state store that were read or written lately, in memory, so that reading one costs a tenth of what the store asks
// for it. The rows stand one after the other in large pieces of memory outside the heap; a table of their addresses, eight to a
// bucket, finds them; each key has a second bucket for when its first one is full (with four to a bucket one row in 28 had no
// address, with eight one in 150). Beside each address is a tag, half of the key's hash, so that hardly
// a row is looked at in vain: that is a miss of the processor's cache each. The oldest slab goes when there are too many
// bytes, and what two full buckets have no address for is forgotten: each is only a row to be read from the store again. A small
// row that changes is written over where it stands. With the new one at the end instead, a million keys that had been put
// once more lost one row in ten to those of which nobody can read anything.
//
// It tells what the store holds now: whoever changes a row in the store tells it, or clears it.

import { assert } from '../../../common/base/assert.ts';
import type { Bytes } from '../../../common/base/bytes.ts';
import { viewOf } from '../../../common/base/integers.ts';
import type { NamespaceId } from '../../../common/model/ids.ts';
import { keyHash } from '../rows/key-text.ts';
import type { Row } from '../storage.ts';

/** A slab of memory is as large; one row never crosses its end. */
const SLAB_BYTES = 1024 * 1024;
/** A row that is larger with its key is not kept. */
const ROW_BYTES_MAX = 128 * 1024;
/** A value that is not larger is copied for who reads it, and may be written over. */
const COPIED_BYTES_MAX = 256;
/** Rows are at multiples of it, so that their addresses are small numbers. */
const ALIGNMENT = 8;
/** The table has a slot for so many bytes. */
const BYTES_PER_SLOT = 128;
const WAYS = 8;
/** A tag is the upper half of a hash; the bucket comes from the other end. */
const TAG_SHIFT = 16;
/** Spreads tags over buckets: keys of one first bucket have many second ones. */
const SECOND_FACTOR = 0x9e3779b1;

const KEY_LENGTH = 0;
const VALUE_LENGTH = 4;
const NAMESPACE = 8;
const REVISION = 16;
const HEADER_BYTES = 24;

interface Slab {
  readonly bytes: Buffer;
  readonly view: DataView;
}

export class RowCache {
  /** A ring; the pieces that are kept follow each other in it. */
  readonly #slabs: (Slab | undefined)[];
  readonly #onGrown: () => void;
  /** Places in bytes since the beginning, never reused; 0: none. */
  #slots: Float64Array;
  /** Of each slot; of an empty one it means nothing. */
  readonly #tags: Uint16Array;
  readonly #mask: number;
  /** The next row comes here. */
  #head = ALIGNMENT;
  /** Number of the oldest slab that is kept, counted since the beginning, and how many are kept. */
  #oldest = 0;
  #slabCount = 0;
  #hits = 0;
  #misses = 0;

  /**
   * @param bytesMax of rows; 0: nothing is kept
   * @param onGrown told after a row for which another slab was needed
   */
  constructor(bytesMax: number, onGrown: () => void = () => {}) {
    this.#onGrown = onGrown;
    this.#slabs = new Array<Slab | undefined>(Math.floor(bytesMax / SLAB_BYTES)).fill(undefined);
    const slots = this.#slabs.length === 0 ? WAYS : 2 ** Math.ceil(Math.log2(bytesMax / BYTES_PER_SLOT));
    this.#slots = new Float64Array(slots);
    this.#tags = new Uint16Array(slots);
    this.#mask = slots / WAYS - 1;
  }

  get bytes(): number {
    return this.#slabCount * SLAB_BYTES;
  }

  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  /** The row as the store has it; undefined: not known here. The value stays as it is for who holds it. */
  get(namespaceId: NamespaceId, key: Bytes): Row | undefined {
    const slot = this.#slotOf(keyHash(key, namespaceId), namespaceId, key);
    if (slot === null) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    const address = this.#slots[slot] as number;
    const { bytes, view } = this.#slabOf(address);
    const at = address % SLAB_BYTES;
    const start = at + HEADER_BYTES + key.length;
    const end = start + view.getUint32(at + VALUE_LENGTH);
    const value = end - start > COPIED_BYTES_MAX ? bytes.subarray(start, end) : copySlice(bytes, start, end);
    return { key, value, revision: view.getFloat64(at + REVISION) };
  }

  /** A row that the store has, of which nothing is known here. */
  add(namespaceId: NamespaceId, row: Row): void {
    this.#add(keyHash(row.key, namespaceId), namespaceId, row);
  }

  /** The store has this row now, or none where it is null. */
  update(namespaceId: NamespaceId, key: Bytes, row: Row | null): void {
    const hash = keyHash(key, namespaceId);
    const slot = this.#slotOf(hash, namespaceId, key);
    if (slot !== null) {
      if (row !== null && this.#overwrite(this.#slots[slot] as number, row)) return;
      this.#slots[slot] = 0;
    }
    if (row !== null) this.#add(hash, namespaceId, row);
  }

  /** False where it cannot be: it has no room there, or somebody may hold the value. */
  #overwrite(address: number, { key, value, revision }: Row): boolean {
    const { bytes, view } = this.#slabOf(address);
    const at = address % SLAB_BYTES;
    const length = view.getUint32(at + VALUE_LENGTH);
    if (length > COPIED_BYTES_MAX || sizeOf(key, value.length) > sizeOf(key, length)) return false;
    view.setUint32(at + VALUE_LENGTH, value.length);
    view.setFloat64(at + REVISION, revision);
    bytes.set(value, at + HEADER_BYTES + key.length);
    return true;
  }

  #add(hash: number, namespaceId: NamespaceId, { key, value, revision }: Row): void {
    const size = sizeOf(key, value.length);
    if (size > ROW_BYTES_MAX || this.#slabs.length === 0) return;
    const countBefore = this.#slabCount;
    const address = this.#reserve(size);
    const { bytes, view } = this.#slabOf(address);
    const at = address % SLAB_BYTES;
    view.setUint32(at + KEY_LENGTH, key.length);
    view.setUint32(at + VALUE_LENGTH, value.length);
    view.setUint32(at + NAMESPACE, namespaceId);
    view.setFloat64(at + REVISION, revision);
    bytes.set(key, at + HEADER_BYTES);
    bytes.set(value, at + HEADER_BYTES + key.length);
    const slot = this.#slotFor(hash);
    this.#slots[slot] = address;
    this.#tags[slot] = hash >>> TAG_SHIFT;
    if (this.#slabCount > countBefore) this.#onGrown();
  }

  /** Forgets the rows of the oldest slab; where it is the only one, the next row begins another. */
  dropOldest(): void {
    if (this.#slabCount === 0) return;
    this.#slabs[this.#oldest % this.#slabs.length] = undefined;
    this.#oldest++;
    this.#slabCount--;
    this.#head = Math.max(this.#head, this.#oldest * SLAB_BYTES);
  }

  clear(): void {
    if (this.#head === ALIGNMENT) return;
    this.#slots = new Float64Array(this.#slots.length);
    this.#slabs.fill(undefined);
    this.#head = ALIGNMENT;
    this.#oldest = 0;
    this.#slabCount = 0;
  }

  /** Where the address of the row is; null: nowhere. */
  #slotOf(hash: number, namespaceId: NamespaceId, key: Bytes): number | null {
    return (
      this.#slotIn(this.#firstBucket(hash), hash, namespaceId, key) ??
      this.#slotIn(this.#secondBucket(hash), hash, namespaceId, key)
    );
  }

  #slotIn(bucket: number, hash: number, namespaceId: NamespaceId, key: Bytes): number | null {
    const tail = this.#tail;
    for (let slot = bucket; slot < bucket + WAYS; slot++) {
      if (this.#tags[slot] !== hash >>> TAG_SHIFT) continue;
      const address = this.#slots[slot] as number;
      if (address >= tail && this.#holds(address, namespaceId, key)) return slot;
    }
    return null;
  }

  /** Its first slot. */
  #firstBucket(hash: number): number {
    return (hash & this.#mask) * WAYS;
  }

  #secondBucket(hash: number): number {
    return ((hash ^ Math.imul((hash >>> TAG_SHIFT) + 1, SECOND_FACTOR)) & this.#mask) * WAYS;
  }

  /** The one for the next row: a free one, in the first bucket if there is one, or that of the oldest row of both. */
  #slotFor(hash: number): number {
    const first = this.#oldestSlot(this.#firstBucket(hash));
    if ((this.#slots[first] as number) < this.#tail) return first;
    const second = this.#oldestSlot(this.#secondBucket(hash));
    return (this.#slots[second] as number) < (this.#slots[first] as number) ? second : first;
  }

  /** Of a bucket: a free one, or that of the oldest row. */
  #oldestSlot(bucket: number): number {
    let oldest = bucket;
    for (let slot = bucket; slot < bucket + WAYS; slot++) {
      if ((this.#slots[slot] as number) < (this.#slots[oldest] as number)) oldest = slot;
    }
    return oldest;
  }

  /** What is below is gone. */
  get #tail(): number {
    return Math.max(ALIGNMENT, this.#oldest * SLAB_BYTES);
  }

  #holds(address: number, namespaceId: NamespaceId, key: Bytes): boolean {
    const { bytes, view } = this.#slabOf(address);
    const at = address % SLAB_BYTES;
    if (view.getUint32(at + KEY_LENGTH) !== key.length) return false;
    if (view.getUint32(at + NAMESPACE) !== namespaceId) return false;
    const start = at + HEADER_BYTES;
    for (let i = 0; i < key.length; i++) if (bytes[start + i] !== key[i]) return false;
    return true;
  }

  #reserve(size: number): number {
    let address = this.#head;
    const left = SLAB_BYTES - (address % SLAB_BYTES);
    if (size > left) address += left;
    const number = Math.floor(address / SLAB_BYTES);
    if (number === this.#oldest + this.#slabCount) {
      if (this.#slabCount === this.#slabs.length) this.dropOldest();
      // A new one, not the old one again: somebody may hold a value of that.
      const bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#slabs[number % this.#slabs.length] = { bytes, view: viewOf(bytes) };
      this.#slabCount++;
    }
    this.#head = address + size;
    return address;
  }

  #slabOf(address: number): Slab {
    const slab = this.#slabs[Math.floor(address / SLAB_BYTES) % this.#slabs.length];
    assert(slab !== undefined, 'a address is in a slab');
    return slab;
  }
}

/** What a row takes, bytes. */
function sizeOf(key: Bytes, valueBytes: number): number {
  return (HEADER_BYTES + key.length + valueBytes + ALIGNMENT - 1) & -ALIGNMENT;
}

function copySlice(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}
