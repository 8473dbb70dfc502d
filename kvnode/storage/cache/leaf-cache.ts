// What scans have read of the store, in memory, so that reading it again costs a copy: leaves, each of which has every row of
// a stretch of keys, encoded as an answer carries them (row-block.ts). Leaves of one namespace do not overlap; what lies between two is
// not known. When there are too many bytes those go that no scan has used since it was last looked at them.
//
// It tells what the store holds now, or will once the batch being filled is written: whoever changes a row in the store
// tells it, or clears it. A leaf that is changed often and read no more is dropped: a scan pays for it again, not every
// write.

import { type Bytes, emptyBytes } from '../../../common/base/bytes.ts';
import type { NamespaceId } from '../../../common/model/ids.ts';
import { encodedRowSize, encodeRow, RowWalk } from '../../../common/wire/encoded-rows.ts';
import type { KeyText } from '../rows/key-text.ts';
import type { RowBlock } from '../state/row-block.ts';
import type { Row } from '../storage.ts';

/** About how many bytes a leaf begins with. */
export const LEAF_BYTES = 8 * 1024;
/** A larger one is not kept. */
const LEAF_BYTES_MAX = 64 * 1024;
/** What a leaf costs beside its rows, roughly. */
const LEAF_OVERHEAD_BYTES = 500;
/** Changes that a leaf takes without being read. */
const CHANGES_MAX = 8;

export interface Leaf extends RowBlock {
  readonly start: KeyText;
}

class CachedLeaf implements Leaf {
  readonly start: KeyText;
  readonly end: KeyText | null;
  rows: Bytes;
  count: number;
  bytes: number;
  /** Since it was last looked at for that. */
  used = false;
  dropped = false;
  /** Since it was read. */
  changes = 0;

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

  /** The row is so now, or gone where it is null. */
  change(key: Bytes, row: Row | null): void {
    const walk = new RowWalk(this.rows);
    let order = -1;
    while (order < 0 && walk.next()) order = walk.compareKey(key);
    const from = order < 0 ? this.rows.length : walk.at;
    const to = order === 0 ? walk.end : from;
    const length = row === null ? 0 : encodedRowSize(key.length, row.value.length, row.revision);
    // Other memory: pages that are being answered are views of this.
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

/** The leaves of a namespace in order; some of them dropped. */
interface NamespaceLeaves {
  leaves: CachedLeaf[];
  dropped: number;
}

export class LeafCache {
  readonly #bytesMax: number;
  readonly #onGrown: () => void;
  readonly #byNamespace = new Map<NamespaceId, NamespaceLeaves>();
  readonly #all = new Map<CachedLeaf, NamespaceLeaves>();
  /** Where it goes on to look for leaves that are not used. */
  #hand = this.#all.entries();
  #bytes = 0;
  #generation = 0;
  #hits = 0;
  #misses = 0;

  /**
   * @param bytesMax of leaves; 0: nothing is kept
   * @param onGrown told when there may be more bytes than before
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

  /** Another one after each `clear`: what was read before one is not to be added after it. */
  get generation(): number {
    return this.#generation;
  }

  /** The leaf that this key is in. Its fields are to be read at once. */
  find(namespaceId: NamespaceId, key: KeyText): Leaf | undefined {
    const leaf = this.#leafOf(namespaceId, key);
    if (leaf === undefined) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    leaf.used = true;
    leaf.changes = 0;
    return leaf;
  }

  /** Where the next leaf begins behind a key that is in none; null: there is none. */
  nextStart(namespaceId: NamespaceId, key: KeyText): KeyText | null {
    const leaves = this.#byNamespace.get(namespaceId)?.leaves ?? [];
    for (let i = indexAfter(leaves, key); i < leaves.length; i++) {
      const leaf = leaves[i] as CachedLeaf;
      if (!leaf.dropped) return leaf.start;
    }
    return null;
  }

  /** What was read: leaves in order, each beginning where the one before it ends. */
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

  /** The store has this row now, or none where it is null. */
  update(namespaceId: NamespaceId, text: KeyText, key: Bytes, row: Row | null): void {
    const leaf = this.#leafOf(namespaceId, text);
    if (leaf === undefined) return;
    this.#bytes -= leaf.size;
    leaf.change(key, row);
    this.#bytes += leaf.size;
    if (++leaf.changes > CHANGES_MAX || leaf.size > LEAF_BYTES_MAX)
      this.#drop(leaf, this.#leavesOf(namespaceId));
    this.#enforceLimit();
  }

  clear(): void {
    this.#generation++;
    this.#byNamespace.clear();
    this.#all.clear();
    this.#hand = this.#all.entries();
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

  /** Drops a leaf, or notes of one that was used that it has had its turn. */
  evict(): void {
    let next = this.#hand.next();
    if (next.done === true) {
      this.#hand = this.#all.entries();
      next = this.#hand.next();
    }
    if (next.done === true) return;
    const [leaf, siblings] = next.value;
    if (leaf.used) leaf.used = false;
    else this.#drop(leaf, siblings);
  }

  /** Its place is cleared away with others: moving all that is behind each of them would cost more than they. */
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

/** Index of the first leaf that begins behind the key. */
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

/** Index of the first leaf that begins at the key or behind it. */
function indexAtOrAfter(leaves: readonly CachedLeaf[], key: KeyText): number {
  const index = indexAfter(leaves, key);
  return leaves[index - 1]?.start === key ? index - 1 : index;
}

/** Index of the first leaf that reaches behind the key. */
function indexEndingAfter(leaves: readonly CachedLeaf[], key: KeyText): number {
  const index = indexAfter(leaves, key);
  const leaf = leaves[index - 1];
  return leaf !== undefined && (leaf.end === null || leaf.end > key) ? index - 1 : index;
}
