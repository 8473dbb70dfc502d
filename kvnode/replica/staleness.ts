// R11: an upper bound of how old a replica's state is. A follower stamps its acknowledgements with its own clock. The owner, under
// a valid lease, echoes the newest stamp together with its commitSeq. Once this replica has applied that commitSeq, its
// state holds everything that was acknowledged before the stamp was made. Only stamps of this process count: they
// include a random base that is drawn at the start, so an echo of an earlier process is recognised and ignored.

import type { Seq } from '../../common/model/ids.ts';

interface Echo {
  readonly stamp: number;
  readonly commitSeq: Seq;
}

export class Staleness {
  readonly #stampBase: number;
  /** The oldest and the newest echo that what is applied does not cover yet. The echoes between them are not kept. */
  #oldest: Echo | null = null;
  #newest: Echo | null = null;
  #stamp: number | null = null;

  /** @param stampBase a whole number below 2^50, drawn at random once for each process */
  constructor(stampBase: number) {
    this.#stampBase = stampBase;
  }

  stampAt(now: number): number {
    return this.#stampBase + now;
  }

  /** The owner echoed `stamp` together with `commitSeq`. */
  echoed(stamp: number, commitSeq: Seq, now: number): void {
    const age = this.stampAt(now) - stamp;
    if (age < 0 || age > now) return;
    const echo = { stamp, commitSeq };
    this.#oldest ??= echo;
    this.#newest = echo;
  }

  /** All entries through `seq` are applied. */
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

  /** Upper bound of the state's age, ms; null before the first echo that counts. */
  staleMs(now: number): number | null {
    return this.#stamp === null ? null : this.stampAt(now) - this.#stamp;
  }
}
