// Remembers the last acknowledged value of each key that this program writes, and checks whether the keys still have these values.
// There are never two concurrent writes of a key, because each caller has its own keys, so the last one is known. A key with a write
// that ended without an answer may have either value, and is left out from then on.

import { forEach } from './driver.ts';

const UNTOUCHED = -1;
const UNKNOWN = -2;
const READS_AT_ONCE = 64;

export interface Verified {
  /** Number of keys that were read back. */
  readonly checked: number;
  /** Number of keys without a value, or with another one than the last acknowledged value. */
  readonly lost: number;
  /** Number of keys that are left out, because a write to them ended without an answer. */
  readonly unknown: number;
}

export class Ledger {
  /** The number in the pool of each key's value. */
  readonly #values: Int16Array;

  constructor(keys: number) {
    this.#values = new Int16Array(keys).fill(UNTOUCHED);
  }

  acknowledged(key: number, value: number): void {
    if (this.#values[key] !== UNKNOWN) this.#values[key] = value;
  }

  unknown(key: number): void {
    this.#values[key] = UNKNOWN;
  }

  /**
   * Reads back at most `max` keys, spread over all written keys.
   * @param read returns the number of a key's value; null: it has no value of the pool
   */
  async verify(max: number, read: (key: number) => Promise<number | null>): Promise<Verified> {
    const written: number[] = [];
    let unknown = 0;
    this.#values.forEach((value, key) => {
      if (value >= 0) written.push(key);
      else if (value === UNKNOWN) unknown++;
    });
    const checked = Math.min(max, written.length);
    let lost = 0;
    await forEach(checked, READS_AT_ONCE, async (i) => {
      const key = written[Math.floor((i * written.length) / checked)] ?? 0;
      if ((await read(key)) !== this.#values[key]) lost++;
    });
    return { checked, lost, unknown };
  }
}
