// When what is to be verified: each range, and the files of the state store, once in a period. The first time is drawn at
// random within the period, so that ranges and nodes do not all begin together; a check that any owner makes counts on all
// replicas, so that a range keeps its rhythm when its owner changes.

import type { RangeId } from '../../common/model/ids.ts';

/** A range whose replicas differed, or whose check came to no end, is checked again after so long, ms. */
const AGAIN_MS = 600_000;
/** Part of the period by which a range is early or late. */
const JITTER = 0.1;

export class ScrubSchedule {
  readonly #everyMs: number;
  readonly #random: () => number;
  /** Instants of Env.now(). */
  readonly #ranges = new Map<RangeId, number>();
  #state: number;

  /** @param everyMs the period; 0: nothing is ever due */
  constructor(everyMs: number, random: () => number, now: number) {
    this.#everyMs = everyMs;
    this.#random = random;
    this.#state = now + random() * everyMs;
  }

  /** The one of these ranges that is due for longest; null: none is. */
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

  /** The range is being checked. */
  checked(range: RangeId, now: number): void {
    this.#ranges.set(range, this.#next(now));
  }

  /** The check of the range came to no good end. */
  again(range: RangeId, now: number): void {
    this.#ranges.set(range, now + Math.min(AGAIN_MS, this.#everyMs));
  }

  /** Whether the files of the state store are due; then the next time is a period away. */
  takeState(now: number): boolean {
    if (this.#everyMs === 0 || now < this.#state) return false;
    this.#state = this.#next(now);
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
