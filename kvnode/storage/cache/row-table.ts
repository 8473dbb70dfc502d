// Rows by key, newest version only. With a Map of strings, which has to be asked before it is told, every put paid for two
// looks, for making its key a string and for collecting that again: a tenth of a follower's time. Here a table of numbers
// says which row has a key's hash. Keys of one hash are easily made, so a look takes a bounded number of probes; what has
// found no place within them is in a Map after all.

import { type Bytes, equalBytes } from '../../../common/base/bytes.ts';
import { type KeyText, keyHash, keyText, textHash } from '../rows/key-text.ts';

const SLOTS_MIN = 128;
/** Places that are looked at for a key, the one of its hash and those behind it. */
const PROBES_MAX = 16;

export class RowTable<R extends { readonly key: Bytes }> {
  readonly #rows: R[] = [];
  /** Of each row. */
  #hashes = new Int32Array(SLOTS_MIN / 2);
  /** 1 more than the number of the row; 0: free. Never more than half of them are taken. */
  #slots = new Int32Array(SLOTS_MIN);
  /** Numbers of the rows that have no place. */
  readonly #overflow = new Map<KeyText, number>();

  /** In the order in which their keys were set first. */
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

  /** Answers the row that it replaced. */
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

  /** The number of the row; -1: none. */
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
