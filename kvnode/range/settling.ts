// When a node settles the replacements that it has stepped (docs/storage.md#replacement). It writes a state store's worth of rows, and
// syncs them. So it waits until the children have begun to serve: their EpochStart needs the disk first. A range that is about
// to be replaced, and is not settled yet, does not wait.

import type { Env, Timer } from '../../common/base/env.ts';
import type { RangeId } from '../../common/model/ids.ts';
import type { Storage } from '../storage/storage.ts';

/** Nodes that share a disk should not all settle at the same instant, ms. */
const WAIT = { minMs: 500, maxMs: 1_500 };

export interface SettlingParts {
  readonly env: Env;
  readonly storage: Pick<Storage, 'isSettled' | 'settle'>;
  /** A range that was not settled is now. */
  settled(): void;
}

export class Settling {
  readonly #parts: SettlingParts;
  #timer: Timer | null = null;
  #isUnderWay = false;

  constructor(parts: SettlingParts) {
    this.#parts = parts;
  }

  /** Something was stepped. */
  later(): void {
    const { env } = this.#parts;
    const waitMs = WAIT.minMs + env.random() * (WAIT.maxMs - WAIT.minMs);
    this.#timer ??= env.after(waitMs, () => {
      this.#timer = null;
      this.#settle();
    });
  }

  /** Whether the range is settled. If it is not, that is done now, and `settled` is called then. */
  ensure(range: RangeId): boolean {
    if (this.#parts.storage.isSettled(range)) return true;
    this.#settle();
    return false;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #settle(): void {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    const { storage, settled } = this.#parts;
    const done = (): void => {
      this.#isUnderWay = false;
      settled();
    };
    storage.settle().then(done, () => {
      // The log has reported the failure, and the process stops.
    });
  }
}
