// Decides when each range, and the files of the state store, are verified: once in a period. The first time is drawn at random
// within the period, so that ranges and nodes do not all start together. A check by any owner counts on all replicas, so a
// range keeps its times when its owner changes.

import type { RangeId } from '../../common/model/ids.ts';

/** A range whose replicas differed, or whose check was given up, is checked again after this time, ms. */
const RETRY_MS = 600_000;
/** A range is early or late by at most this part of the period. */
const JITTER = 0.1;

export class ScrubSchedule {
  readonly #everyMs: number;
  readonly #random: () => number;
  /** When each range is due, an instant of Env.now(), ms. */
  readonly #ranges = new Map<RangeId, number>();
  #stateAt: number;

  /** @param everyMs the period, ms; 0: nothing is ever due */
  constructor(everyMs: number, random: () => number, now: number) {
    this.#everyMs = everyMs;
    this.#random = random;
    this.#stateAt = now + random() * everyMs;
  }

  /** The range that has been due for the longest time; null if none is due. */
  dueRange(ranges: Iterable<RangeId>, now: number): RangeId | null {
    if (this.#everyMs === 0) return null;
    let due: RangeId | null = null;
    let dueAt = now;
    for (const range of ranges) {
      const at = this.#ranges.get(range) ?? this.#first(range, now);
      if (at > dueAt) continue;
      due = range;
      dueAt = at;
    }
    return due;
  }

  /** A check of the range has begun. */
  checked(range: RangeId, now: number): void {
    this.#ranges.set(range, this.#next(now));
  }

  /** The replicas of the range differed, or its check was given up. */
  retryLater(range: RangeId, now: number): void {
    this.#ranges.set(range, now + Math.min(RETRY_MS, this.#everyMs));
  }

  /** Whether the files of the state store are due now. If so, they are due again after a period. */
  takeState(now: number): boolean {
    if (this.#everyMs === 0 || now < this.#stateAt) return false;
    this.#stateAt = this.#next(now);
    return true;
  }

  #first(range: RangeId, now: number): number {
    const at = now + this.#random() * this.#everyMs;
    this.#ranges.set(range, at);
    return at;
  }

  #next(now: number): number {
    return now + this.#everyMs * (1 + JITTER * (2 * this.#random() - 1));
  }
}
