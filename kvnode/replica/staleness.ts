// R11: how far behind a replica's state may be. A follower stamps its acknowledgements with its own clock; the owner,
// under a valid lease, echoes the newest stamp with its commitSeq; once that much is applied here, the state holds all
// that was acknowledged before the stamp was made. Only this process's own stamps count: they carry a base drawn at
// start, so that an echo of an earlier life is never taken for one.

import type { Seq } from '../../common/model/ids.ts';

interface Echo {
  readonly stamp: number;
  readonly commitSeq: Seq;
}

export class Freshness {
  readonly #stampBase: number;
  /** The oldest echo not yet covered by what is applied, and the newest: between them none can wait for ever. */
  #oldest: Echo | null = null;
  #newest: Echo | null = null;
  #stamp: number | null = null;

  /** @param stampBase whole number below 2^50, drawn at random once a process */
  constructor(stampBase: number) {
    this.#stampBase = stampBase;
  }

  stampAt(now: number): number {
    return this.#stampBase + now;
  }

  echoed(stamp: number, commitSeq: Seq, now: number): void {
    const age = this.stampAt(now) - stamp;
    if (age < 0 || age > now) return;
    const echo = { stamp, commitSeq };
    this.#oldest ??= echo;
    this.#newest = echo;
  }

  applied(seq: Seq): void {
    if (this.#oldest === null || this.#newest === null) return;
    if (this.#newest.commitSeq <= seq) {
      this.#stamp = Math.max(this.#stamp ?? 0, this.#newest.stamp);
      this.#oldest = null;
      this.#newest = null;
    } else if (this.#oldest.commitSeq <= seq) {
      this.#stamp = Math.max(this.#stamp ?? 0, this.#oldest.stamp);
      this.#oldest = this.#newest;
    }
  }

  /** Upper bound in ms; null before the first echo that counts. */
  staleMs(now: number): number | null {
    return this.#stamp === null ? null : this.stampAt(now) - this.#stamp;
  }
}
