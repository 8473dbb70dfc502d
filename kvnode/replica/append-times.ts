// When entries were appended: one sample a turn, forgotten once committed.

import type { Seq } from '../../common/model/ids.ts';

export class AppendTimes {
  readonly #samples: { lastSeq: Seq; readonly at: number }[] = [];

  appended(lastSeq: Seq, at: number): void {
    const newest = this.#samples.at(-1);
    if (newest !== undefined && newest.at === at) newest.lastSeq = lastSeq;
    else this.#samples.push({ lastSeq, at });
  }

  forget(commitSeq: Seq): void {
    let done = 0;
    while ((this.#samples[done]?.lastSeq ?? Number.POSITIVE_INFINITY) <= commitSeq) done++;
    if (done > 0) this.#samples.splice(0, done);
  }

  /** Age in ms of the oldest entry after `acked`; 0 where there is none. */
  oldestUnacked(acked: Seq, now: number): number {
    const sample = this.#samples.find(({ lastSeq }) => lastSeq > acked);
    return sample === undefined ? 0 : now - sample.at;
  }
}
