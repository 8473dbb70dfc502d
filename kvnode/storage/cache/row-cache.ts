// The cache of rows of the state store that were read or written lately. Rows are stored one after the other in slabs
// outside the heap. A hash table of their addresses finds them. It has eight slots per bucket, and each key has a
// second bucket for when the first one is full. Beside each address is a tag, half of the hash of the key, so that few
// rows are compared in vain: each comparison costs a cache miss of the processor.
//
// When there are too many bytes, the oldest slab is dropped. A row for which two full buckets have no slot replaces the
// oldest one in them. A lost row is only read from the store again. A small row that changes is overwritten in place.
// If it were appended instead, dead versions would fill the slabs.
//
// The cache has what the store holds: code that changes a row in the store must update the cache or clear it. Index
// reads here are cast, not checked: these loops are hot.

import { assert } from '../../../common/base/assert.ts';
import type { Bytes } from '../../../common/base/bytes.ts';
import { viewOf } from '../../../common/base/integers.ts';
import type { NamespaceId } from '../../../common/model/ids.ts';
import { keyHash } from '../rows/key-text.ts';
import type { Row } from '../storage.ts';

/** The size of a slab. A row never crosses its end. */
const SLAB_BYTES = 1024 * 1024;
/** A larger row, with its key, is not cached. */
const ROW_BYTES_MAX = 128 * 1024;
/** A value up to this size is copied for the reader, so it may be overwritten. */
const COPIED_BYTES_MAX = 256;
/** Rows are aligned to this many bytes. */
const ALIGNMENT = 8;
/** The table has one slot per this many bytes of rows. */
const BYTES_PER_SLOT = 128;
const WAYS = 8;
/** The tag is the upper half of a hash. The bucket comes from the lower bits. */
const TAG_SHIFT = 16;
/** Spreads tags over buckets: keys of one first bucket have many second buckets. */
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
  /** A ring buffer. The slabs in use follow one another in it. */
  readonly #slabs: (Slab | undefined)[];
  readonly #onGrown: () => void;
  /** Addresses of rows: offsets in bytes since the beginning, never reused. 0: the slot is empty. */
  #slots: Float64Array;
  /** The tag of each slot. The tag of an empty slot means nothing. */
  readonly #tags: Uint16Array;
  readonly #mask: number;
  /** The address of the next row. */
  #head = ALIGNMENT;
  /** The number of the oldest slab in use, counted since the beginning, and how many are in use. */
  #oldest = 0;
  #slabCount = 0;
  #hits = 0;
  #misses = 0;

  /**
   * @param bytesMax of all slabs, bytes; 0: nothing is cached
   * @param onGrown called after a row that needed another slab
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

  /**
   * The row as the store has it. Undefined if it is not cached. The value does not change while the caller holds it.
   */
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

  /** Adds a row of the store that is not cached. */
  add(namespaceId: NamespaceId, row: Row): void {
    this.#add(keyHash(row.key, namespaceId), namespaceId, row);
  }

  /** The store has this row now. Null: it has none under this key. */
  update(namespaceId: NamespaceId, key: Bytes, row: Row | null): void {
    const hash = keyHash(key, namespaceId);
    const slot = this.#slotOf(hash, namespaceId, key);
    if (slot !== null) {
      if (row !== null && this.#overwrite(this.#slots[slot] as number, row)) return;
      this.#slots[slot] = 0;
    }
    if (row !== null) this.#add(hash, namespaceId, row);
  }

  /** False if it cannot be overwritten: the new row is larger, or a reader may hold the value. */
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

  /** Drops the oldest slab. If it is the only one, the next row begins another one. */
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

  /** The slot of the row. Null if it is not cached. */
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

  /** The first slot of the bucket. */
  #firstBucket(hash: number): number {
    return (hash & this.#mask) * WAYS;
  }

  #secondBucket(hash: number): number {
    return ((hash ^ Math.imul((hash >>> TAG_SHIFT) + 1, SECOND_FACTOR)) & this.#mask) * WAYS;
  }

  /**
   * The slot for a new row: an empty one, in the first bucket if possible, or else that of the oldest row in both
   * buckets.
   */
  #slotFor(hash: number): number {
    const first = this.#oldestSlot(this.#firstBucket(hash));
    if ((this.#slots[first] as number) < this.#tail) return first;
    const second = this.#oldestSlot(this.#secondBucket(hash));
    return (this.#slots[second] as number) < (this.#slots[first] as number) ? second : first;
  }

  /** An empty slot of the bucket, or else that of the oldest row. */
  #oldestSlot(bucket: number): number {
    let oldest = bucket;
    for (let slot = bucket; slot < bucket + WAYS; slot++) {
      if ((this.#slots[slot] as number) < (this.#slots[oldest] as number)) oldest = slot;
    }
    return oldest;
  }

  /** Rows at lower addresses are dropped. */
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
      // A new buffer, because a reader may hold a value in the old one.
      const bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#slabs[number % this.#slabs.length] = { bytes, view: viewOf(bytes) };
      this.#slabCount++;
    }
    this.#head = address + size;
    return address;
  }

  #slabOf(address: number): Slab {
    const slab = this.#slabs[Math.floor(address / SLAB_BYTES) % this.#slabs.length];
    assert(slab !== undefined, 'an address is in a slab');
    return slab;
  }
}

/** Size of a row in a slab, bytes. */
function sizeOf(key: Bytes, valueBytes: number): number {
  return (HEADER_BYTES + key.length + valueBytes + ALIGNMENT - 1) & -ALIGNMENT;
}

function copySlice(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}
