// The cache of rows that scans have read. It consists of leaves. A leaf has every row of an interval of keys, encoded
// as an answer carries them (row-block.ts). The leaves of one namespace do not overlap; nothing is known of the keys
// between two leaves. Eviction uses the CLOCK algorithm: a leaf goes if no scan has used it since the clock hand passed
// it last.
//
// The cache has what the store holds, or will hold once the batch that is being filled is written. So code that changes
// a row in the store must update the cache or clear it. A leaf that is updated often and not read is dropped: then one
// scan pays for it, and not every write.
//
// Index reads here are cast, not checked: these loops are hot.

import { type Bytes, emptyBytes } from '../../../common/base/bytes.ts';
import type { NamespaceId } from '../../../common/model/ids.ts';
import { encodedRowSize, encodeRow, RowWalk } from '../../../common/wire/encoded-rows.ts';
import type { KeyText } from '../rows/key-text.ts';
import type { RowBlock } from '../state/row-block.ts';
import type { Row } from '../storage.ts';

/** Bytes of a new leaf, about. */
export const LEAF_BYTES = 8 * 1024;
/** A larger leaf is dropped. */
const LEAF_BYTES_MAX = 64 * 1024;
/** Memory of a leaf in addition to its rows, about, bytes. */
const LEAF_OVERHEAD_BYTES = 500;
/** A leaf is dropped after more updates than this without a read. */
const UPDATES_MAX = 8;

export interface Leaf extends RowBlock {
  readonly start: KeyText;
}

class CachedLeaf implements Leaf {
  readonly start: KeyText;
  readonly end: KeyText | null;
  rows: Bytes;
  count: number;
  bytes: number;
  /** Whether a scan has used it since the clock hand passed it last. */
  used = false;
  dropped = false;
  /** Updates since it was last read. */
  updates = 0;

  constructor({ start, end, rows, count, bytes }: Leaf) {
    this.start = start;
    this.end = end;
    this.rows = rows;
    this.count = count;
    this.bytes = bytes;
  }

  get size(): number {
    return this.rows.length + this.start.length + LEAF_OVERHEAD_BYTES;
  }

  /** Sets the row of `key`. Null: there is none. */
  setRow(key: Bytes, row: Row | null): void {
    const walk = new RowWalk(this.rows);
    let order = -1;
    while (order < 0 && walk.next()) order = walk.compareKey(key);
    const from = order < 0 ? this.rows.length : walk.at;
    const to = order === 0 ? walk.end : from;
    const length = row === null ? 0 : encodedRowSize(key.length, row.value.length, row.revision);
    // A new buffer, because pages that are being sent are views of the old one.
    const rows = Buffer.allocUnsafeSlow(this.rows.length - (to - from) + length);
    rows.set(this.rows.subarray(0, from));
    rows.set(this.rows.subarray(to), from + length);
    if (row !== null) encodeRow(rows, from, key, 0, row.value, 0, row.revision);
    this.rows = rows;
    if (order === 0) this.#count(-1, key.length + walk.valueLength);
    if (row !== null) this.#count(1, key.length + row.value.length);
  }

  #count(sign: 1 | -1, bytes: number): void {
    this.count += sign;
    this.bytes += sign * bytes;
  }
}

/** The leaves of a namespace, in key order. Some of them are dropped. */
interface NamespaceLeaves {
  leaves: CachedLeaf[];
  dropped: number;
}

export class LeafCache {
  readonly #bytesMax: number;
  readonly #onGrown: () => void;
  readonly #byNamespace = new Map<NamespaceId, NamespaceLeaves>();
  readonly #all = new Map<CachedLeaf, NamespaceLeaves>();
  /** The clock hand. */
  #clockHand = this.#all.entries();
  #bytes = 0;
  #generation = 0;
  #hits = 0;
  #misses = 0;

  /**
   * @param bytesMax of all leaves, bytes; 0: nothing is cached
   * @param onGrown called when there may be more bytes than before
   */
  constructor(bytesMax: number, onGrown: () => void = () => {}) {
    this.#onGrown = onGrown;
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  /** It changes with each `clear`. What was read from the store before a `clear` must not be added after it. */
  get generation(): number {
    return this.#generation;
  }

  /** The leaf that has this key. Its fields must be read before the next call. */
  find(namespaceId: NamespaceId, key: KeyText): Leaf | undefined {
    const leaf = this.#leafOf(namespaceId, key);
    if (leaf === undefined) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    leaf.used = true;
    leaf.updates = 0;
    return leaf;
  }

  /** The start of the next leaf after a key that is in none. Null if there is none. */
  nextStart(namespaceId: NamespaceId, key: KeyText): KeyText | null {
    const leaves = this.#byNamespace.get(namespaceId)?.leaves ?? [];
    for (let i = indexAfter(leaves, key); i < leaves.length; i++) {
      const leaf = leaves[i] as CachedLeaf;
      if (!leaf.dropped) return leaf.start;
    }
    return null;
  }

  /** Adds leaves in key order, each of which begins where the one before it ends. */
  add(namespaceId: NamespaceId, leaves: readonly Leaf[]): void {
    const fresh = leaves.map((leaf) => new CachedLeaf(leaf));
    const [first] = fresh;
    const last = fresh.at(-1);
    if (this.#bytesMax === 0 || first === undefined || last === undefined) return;
    const siblings = this.#leavesOf(namespaceId);
    const from = indexEndingAfter(siblings.leaves, first.start);
    const to = last.end === null ? siblings.leaves.length : indexAtOrAfter(siblings.leaves, last.end);
    for (const old of siblings.leaves.splice(from, to - from, ...fresh)) {
      if (old.dropped) siblings.dropped--;
      else this.#remove(old);
    }
    for (const leaf of fresh) {
      this.#all.set(leaf, siblings);
      this.#bytes += leaf.size;
    }
    for (const leaf of fresh) if (leaf.size > LEAF_BYTES_MAX) this.#drop(leaf, siblings);
    this.#enforceLimit();
  }

  /** The store has this row now. Null: it has none under this key. */
  update(namespaceId: NamespaceId, text: KeyText, key: Bytes, row: Row | null): void {
    const leaf = this.#leafOf(namespaceId, text);
    if (leaf === undefined) return;
    this.#bytes -= leaf.size;
    leaf.setRow(key, row);
    this.#bytes += leaf.size;
    if (++leaf.updates > UPDATES_MAX || leaf.size > LEAF_BYTES_MAX)
      this.#drop(leaf, this.#leavesOf(namespaceId));
    this.#enforceLimit();
  }

  clear(): void {
    this.#generation++;
    this.#byNamespace.clear();
    this.#all.clear();
    this.#clockHand = this.#all.entries();
    this.#bytes = 0;
  }

  #leafOf(namespaceId: NamespaceId, key: KeyText): CachedLeaf | undefined {
    const leaves = this.#byNamespace.get(namespaceId)?.leaves;
    const leaf = leaves?.[indexAfter(leaves, key) - 1];
    if (leaf === undefined || leaf.dropped) return undefined;
    return leaf.end === null || key < leaf.end ? leaf : undefined;
  }

  #leavesOf(namespaceId: NamespaceId): NamespaceLeaves {
    let siblings = this.#byNamespace.get(namespaceId);
    if (siblings === undefined) {
      siblings = { leaves: [], dropped: 0 };
      this.#byNamespace.set(namespaceId, siblings);
    }
    return siblings;
  }

  #enforceLimit(): void {
    while (this.#bytes > this.#bytesMax) this.evict();
    this.#onGrown();
  }

  /** Moves the clock hand by one leaf: drops it, or marks it as not used. */
  evict(): void {
    let next = this.#clockHand.next();
    if (next.done === true) {
      this.#clockHand = this.#all.entries();
      next = this.#clockHand.next();
    }
    if (next.done === true) return;
    const [leaf, siblings] = next.value;
    if (leaf.used) leaf.used = false;
    else this.#drop(leaf, siblings);
  }

  /** Dropped leaves are removed from the array many at a time, since each removal moves all later leaves. */
  #drop(leaf: CachedLeaf, siblings: NamespaceLeaves): void {
    if (leaf.dropped) return;
    this.#remove(leaf);
    siblings.dropped++;
    if (siblings.dropped <= siblings.leaves.length / 2) return;
    siblings.leaves = siblings.leaves.filter(({ dropped }) => !dropped);
    siblings.dropped = 0;
  }

  #remove(leaf: CachedLeaf): void {
    this.#bytes -= leaf.size;
    this.#all.delete(leaf);
    leaf.dropped = true;
    leaf.rows = emptyBytes;
  }
}

/** Index of the first leaf that begins after `key`. */
function indexAfter(leaves: readonly CachedLeaf[], key: KeyText): number {
  let low = 0;
  let high = leaves.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((leaves[middle] as CachedLeaf).start <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the first leaf that begins at or after `key`. */
function indexAtOrAfter(leaves: readonly CachedLeaf[], key: KeyText): number {
  const index = indexAfter(leaves, key);
  return leaves[index - 1]?.start === key ? index - 1 : index;
}

/** Index of the first leaf that ends after `key`. */
function indexEndingAfter(leaves: readonly CachedLeaf[], key: KeyText): number {
  const index = indexAfter(leaves, key);
  const leaf = leaves[index - 1];
  return leaf !== undefined && (leaf.end === null || leaf.end > key) ? index - 1 : index;
}
