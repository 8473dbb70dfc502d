// What was acknowledged to this program, and whether it is still there: for each key that it writes the last value
// acknowledged. Two writes of one key are never under way at once (each caller has keys of its own), so the last one
// is known. A key whose write ended without an answer may hold either value and is left out for good.

const UNTOUCHED = -1;
const UNKNOWN = -2;

export interface Verified {
  /** Keys read back. */
  readonly checked: number;
  /** Keys that hold nothing, or not the last value acknowledged. */
  readonly lost: number;
  /** Keys left out, as a write to them ended without an answer. */
  readonly unknown: number;
}

export class Ledger {
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

  /** Reads back at most `max` keys, spread over all that were written, 64 at a time. */
  async verify(max: number, read: (key: number) => Promise<number | null>): Promise<Verified> {
    const written: number[] = [];
    let unknown = 0;
    this.#values.forEach((value, key) => {
      if (value >= 0) written.push(key);
      else if (value === UNKNOWN) unknown++;
    });
    const step = Math.max(1, written.length / max);
    let next = 0;
    let checked = 0;
    let lost = 0;
    const reader = async (): Promise<void> => {
      for (;;) {
        const key = written[Math.floor(next++ * step)];
        if (key === undefined) return;
        checked++;
        if ((await read(key)) !== this.#values[key]) lost++;
      }
    };
    await Promise.all(Array.from({ length: 64 }, reader));
    return { checked, lost, unknown };
  }
}
