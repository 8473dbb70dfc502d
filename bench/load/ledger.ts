// What was acknowledged to this program, and whether it is still there: for each key that it writes the last value
// acknowledged. Two writes of one key are never under way at once (each caller has keys of its own), so the last one
// is known. A key whose write ended without an answer may hold either value and is left out for good.

import { forEach } from './driver.ts';

const UNTOUCHED = -1;
const UNKNOWN = -2;
const READS_AT_ONCE = 64;

export interface Verified {
  /** Keys read back. */
  readonly checked: number;
  /** Keys that hold nothing, or not the last value acknowledged. */
  readonly lost: number;
  /** Keys left out, as a write to them ended without an answer. */
  readonly unknown: number;
}

export class Ledger {
  /** For each key the number of its value in the pool. */
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
   * Reads back at most `max` keys, spread over all that were written.
   * @param read gives the number of the value that a key holds; null where it holds none of the pool
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
