// A hash table of client sessions by client id: 16 random bytes, of which the first four are the hash. This is much
// faster than a Map with strings. Ids with the same hash are chained, since a client may choose its own id. Index reads
// here are cast, not checked.

import { type Bytes, equalBytes } from '../../../common/base/bytes.ts';

export interface Identified {
  readonly clientId: Bytes;
}

interface Chained<T> {
  readonly item: T;
  next: Chained<T> | null;
}

export class ClientIndex<T extends Identified> {
  readonly #links = new Map<number, Chained<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(clientId: Bytes): T | null {
    let link = this.#links.get(hashOf(clientId)) ?? null;
    while (link !== null && !equalBytes(link.item.clientId, clientId)) link = link.next;
    return link?.item ?? null;
  }

  /** Adds an item whose id is not in the table. */
  add(item: T): void {
    const hash = hashOf(item.clientId);
    this.#links.set(hash, { item, next: this.#links.get(hash) ?? null });
    this.#size++;
  }

  delete(item: T): void {
    const hash = hashOf(item.clientId);
    const rest: T[] = [];
    for (let link = this.#links.get(hash) ?? null; link !== null; link = link.next) rest.push(link.item);
    this.#links.delete(hash);
    this.#size -= rest.length;
    for (const other of rest.reverse()) if (other !== item) this.add(other);
  }

  clear(): void {
    this.#links.clear();
    this.#size = 0;
  }

  *values(): Generator<T> {
    for (const first of this.#links.values()) {
      for (let link: Chained<T> | null = first; link !== null; link = link.next) yield link.item;
    }
  }
}

function hashOf(id: Bytes): number {
  return (id[0] as number) | ((id[1] as number) << 8) | ((id[2] as number) << 16) | ((id[3] as number) << 24);
}
