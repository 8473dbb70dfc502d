// When the owner appended its uncommitted entries. R5 uses their age. One sample is kept for each turn of the node.

import type { Seq } from '../../common/model/ids.ts';

export class AppendTimes {
  readonly #samples: { lastSeq: Seq; readonly at: number }[] = [];

  /** Entries through `lastSeq` are appended at `at`, an instant of Env.now(). */
  appended(lastSeq: Seq, at: number): void {
    const newest = this.#samples.at(-1);
    if (newest !== undefined && newest.at === at) newest.lastSeq = lastSeq;
    else this.#samples.push({ lastSeq, at });
  }

  /** Drops the samples of committed entries. */
  dropThrough(commitSeq: Seq): void {
    let count = 0;
    while ((this.#samples[count]?.lastSeq ?? Number.POSITIVE_INFINITY) <= commitSeq) count++;
    if (count > 0) this.#samples.splice(0, count);
  }

  /** Age of the oldest entry after `acked`, ms; 0 if there is none. */
  oldestAgeMs(acked: Seq, now: number): number {
    const sample = this.#samples.find(({ lastSeq }) => lastSeq > acked);
    return sample === undefined ? 0 : now - sample.at;
  }
}
