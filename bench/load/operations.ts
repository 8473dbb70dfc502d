// The operations of callers: it draws the next operation of a slot's mix, executes it with a driver, and enters acknowledged writes
// into the ledger. Each caller updates its own keys and reads any key.

import { RangekeeperError } from '../../common/base/errors.ts';
import { type Random, scatter, seeded, Zipf } from '../stats/draws.ts';
import { type Driver, type Got, Refused, valueIn } from './driver.ts';
import { insertedKey, keyOf, valuePool } from './keys.ts';
import type { Ledger } from './ledger.ts';
import type { Mix, SlotSpec } from './slot.ts';

type Action = keyof Mix;
const ACTIONS: readonly Action[] = ['read', 'update', 'insert', 'scan', 'modify'];

export class Operations {
  /** Number of rows read in pages so far. */
  rows = 0;
  /** How often each error code occurred. */
  readonly errors: Record<string, number> = {};
  readonly #spec: SlotSpec;
  readonly #driver: Driver;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #values: readonly string[];
  readonly #zipf: Zipf | null;
  /** Number of keys that are present for certain: loaded, or inserted and acknowledged. */
  #present: number;
  #inserted: number;

  constructor(spec: SlotSpec, driver: Driver, ledger: Ledger) {
    this.#spec = spec;
    this.#driver = driver;
    this.#ledger = ledger;
    this.#random = seeded(spec.seed);
    this.#values = valuePool(spec.valueBytes);
    this.#present = spec.keys;
    this.#inserted = spec.keys;
    this.#zipf = spec.draw === 'uniform' ? null : new Zipf(spec.keys);
  }

  /** Starts one operation and calls `ended` when it is answered. It takes a callback, because a promise would be measured, too. */
  start(caller: number, ended: (well: boolean) => void): void {
    const failed = (error: unknown): void => {
      this.#count(codeOf(error));
      ended(false);
    };
    const action = this.#action();
    if (action !== 'read') this.#act(action, caller).then(() => ended(true), failed);
    else this.#get(caller, this.#pick()).then((got) => ended(this.#isRight(got)), failed);
  }

  #count(code: string): void {
    this.errors[code] = (this.errors[code] ?? 0) + 1;
  }

  #action(): Action {
    let draw = this.#random();
    for (const action of ACTIONS) {
      draw -= this.#spec.mix[action] ?? 0;
      if (draw < 0) return action;
    }
    return 'read';
  }

  #act(action: Exclude<Action, 'read'>, caller: number): Promise<unknown> {
    switch (action) {
      case 'update':
        return this.#write(caller, this.#own(this.#pick(), caller));
      case 'insert':
        return this.#insert(caller);
      case 'scan':
        return this.#scan(caller, this.#pick());
      case 'modify':
        return this.#modify(caller, this.#own(this.#pick(), caller));
    }
  }

  #get(caller: number, key: number): Promise<Got | null> {
    return this.#driver.get(caller, keyOf(this.#spec.prefix, key));
  }

  /** Whether the answer is right; counts wrong ones as errors. */
  #isRight(got: Got | null): boolean {
    if (got !== null && valueIn(got).length === this.#spec.valueBytes) return true;
    this.#count(got === null ? 'MISSING' : 'WRONG_VALUE');
    return false;
  }

  async #write(caller: number, key: number): Promise<void> {
    const value = Math.floor(this.#random() * this.#values.length);
    try {
      const { prefix, scattered } = this.#spec;
      await this.#driver.put(caller, insertedKey(prefix, key, scattered), this.#values[value] ?? '');
    } catch (error) {
      if (!wasNotApplied(error)) this.#ledger.unknown(key);
      throw error;
    }
    this.#ledger.acknowledged(key, value);
  }

  async #modify(caller: number, key: number): Promise<void> {
    const got = await this.#get(caller, key);
    if (got === null) throw new Refused('MISSING');
    await this.#write(caller, key);
  }

  async #insert(caller: number): Promise<void> {
    const key = this.#inserted++;
    await this.#write(caller, key);
    if (key !== this.#present) return;
    this.#present++;
    this.#zipf?.grow(this.#present);
  }

  async #scan(caller: number, start: number): Promise<void> {
    const { pageRows, pageUpTo, prefix, keys } = this.#spec;
    if (this.#driver.scan === undefined) throw new Refused('NO_SCAN');
    const rows = pageUpTo ? 1 + Math.floor(this.#random() * pageRows) : pageRows;
    // A page always finds its rows.
    const first = Math.max(0, Math.min(start, keys - rows));
    const found = await this.#driver.scan(caller, keyOf(prefix, first), rows);
    if (found !== Math.min(rows, keys) && !pageUpTo) throw new Refused('SHORT_PAGE');
    this.rows += found;
  }

  /** Draws a key that is present. */
  #pick(): number {
    const { draw } = this.#spec;
    if (this.#zipf === null) return Math.floor(this.#random() * this.#present);
    const rank = this.#zipf.next(this.#random);
    return draw === 'latest' ? this.#present - 1 - rank : scatter(rank, this.#present);
  }

  /** The nearest key that only this caller writes. */
  #own(key: number, caller: number): number {
    const { callers, keys } = this.#spec;
    const own = key - (key % callers) + caller;
    return own < keys ? own : caller;
  }
}

function codeOf(error: unknown): string {
  if (error instanceof RangekeeperError || error instanceof Refused) return error.code;
  return error instanceof Error ? error.message : String(error);
}

function wasNotApplied(error: unknown): boolean {
  return error instanceof Refused || (error instanceof RangekeeperError && error.applied === 'no');
}
