// A hash table of rows by key, with the newest version of each. It is faster than a Map: it makes no string of a key,
// and looks a key up once to replace its row. It uses open addressing with linear probing. Keys with equal hashes are
// easy to make, so a lookup probes a bounded number of slots. Rows without a slot within that bound are in a Map.
//
// Index reads here are cast, not checked: these loops are hot.

import { type Bytes, equalBytes } from '../../../common/base/bytes.ts';
import { type KeyText, keyHash, keyText, textHash } from '../rows/key-text.ts';

const SLOTS_MIN = 128;
/** Slots that are probed for a key: the one of its hash and those after it. */
const PROBES_MAX = 16;

export class RowTable<R extends { readonly key: Bytes }> {
  readonly #rows: R[] = [];
  /** The hash of each row. */
  #hashes = new Int32Array(SLOTS_MIN / 2);
  /** The number of a row plus 1; 0: the slot is empty. At most half of the slots are in use. */
  #slots = new Int32Array(SLOTS_MIN);
  /** The numbers of the rows that have no slot. */
  readonly #overflow = new Map<KeyText, number>();

  /** In the order in which the keys were first set. */
  get rows(): readonly R[] {
    return this.#rows;
  }

  get(key: Bytes): R | undefined {
    return this.#rows[this.#find(keyHash(key), key)];
  }

  getByText(text: KeyText): R | undefined {
    const hash = textHash(text);
    for (let at = hash, probes = 0; probes < PROBES_MAX; at++, probes++) {
      const number = (this.#slots[at & this.#mask] as number) - 1;
      if (number < 0) return undefined;
      if (this.#hashes[number] !== hash) continue;
      const row = this.#rows[number] as R;
      if (isText(row.key, text)) return row;
    }
    return this.#rows[this.#overflow.get(text) ?? -1];
  }

  /** Returns the row that was replaced. */
  set(row: R): R | undefined {
    const hash = keyHash(row.key);
    const number = this.#find(hash, row.key);
    if (number >= 0) {
      const before = this.#rows[number];
      this.#rows[number] = row;
      return before;
    }
    if (this.#rows.length === this.#hashes.length) this.#grow();
    this.#hashes[this.#rows.length] = hash;
    this.#insert(this.#rows.length, hash, row);
    this.#rows.push(row);
    return undefined;
  }

  get #mask(): number {
    return this.#slots.length - 1;
  }

  /** The number of the row. -1 if there is none. */
  #find(hash: number, key: Bytes): number {
    for (let at = hash, probes = 0; probes < PROBES_MAX; at++, probes++) {
      const number = (this.#slots[at & this.#mask] as number) - 1;
      if (number < 0) return -1;
      if (this.#hashes[number] === hash && equalBytes((this.#rows[number] as R).key, key)) return number;
    }
    return this.#overflow.size === 0 ? -1 : (this.#overflow.get(keyText(key)) ?? -1);
  }

  #insert(number: number, hash: number, { key }: R): void {
    for (let at = hash, probes = 0; probes < PROBES_MAX; at++, probes++) {
      if (this.#slots[at & this.#mask] !== 0) continue;
      this.#slots[at & this.#mask] = number + 1;
      return;
    }
    this.#overflow.set(keyText(key), number);
  }

  #grow(): void {
    const hashes = new Int32Array(this.#hashes.length * 2);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    this.#slots = new Int32Array(this.#slots.length * 2);
    this.#overflow.clear();
    for (const [number, row] of this.#rows.entries()) this.#insert(number, hashes[number] as number, row);
  }
}

function isText(key: Bytes, text: KeyText): boolean {
  if (key.length !== text.length) return false;
  for (let i = 0; i < key.length; i++) if (key[i] !== text.charCodeAt(i)) return false;
  return true;
}
