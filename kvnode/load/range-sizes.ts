// The bytes of the ranges that this node owns. They are measured from time to time (storage/state/measure.ts), and counted on from what is applied
// meanwhile. How much of that is new, and how much only replaces rows, is known from the last two measurements.

import type { Bytes } from '../../common/base/bytes.ts';
import type { RangeId } from '../../common/model/ids.ts';
import type { MeasuredRange, Storage } from '../storage/storage.ts';

/** A range is measured again once so much was applied since: this part of its bytes, and at least so many. */
const NEWS_SHARE = 0.1;
const NEWS_BYTES_MIN = 64 * 1024;
/** Not more often, ms; and if anything was applied, at least so often. */
const PAUSE_MS = 10_000;
const PERIOD_MS = 60_000;
/** Ranges that are measured in one go. */
const RANGES_AT_ONCE = 16;

interface KnownSize extends MeasuredRange {
  readonly at: number;
  /** The part of the applied bytes that make the range larger. */
  readonly growth: number;
}

export class RangeSizes {
  readonly #storage: Pick<Storage, 'appliedBytes' | 'measure'>;
  readonly #known = new Map<RangeId, KnownSize>();
  #measuring = false;

  constructor(storage: Pick<Storage, 'appliedBytes' | 'measure'>) {
    this.#storage = storage;
  }

  /** About. Null: it has not been measured yet. */
  bytesOf(range: RangeId): number | null {
    const known = this.#known.get(range);
    return known === undefined ? null : Math.round(known.bytes + known.growth * this.#newsOf(range, known));
  }

  /** See MeasuredSpan. */
  middleKeyOf(range: RangeId): Bytes | null {
    return this.#known.get(range)?.middleKey ?? null;
  }

  #newsOf(range: RangeId, { appliedBytes }: MeasuredRange): number {
    return Math.max(0, this.#storage.appliedBytes(range) - appliedBytes);
  }

  /**
   * Measures some of those that need it, the ones with most news first. Other ranges are forgotten: their replicas may get rows that are
   * not applied (snapshots). Rejects with the error of the storage.
   */
  async measure(owned: ReadonlySet<RangeId>, now: number): Promise<void> {
    for (const range of this.#known.keys()) if (!owned.has(range)) this.#known.delete(range);
    if (this.#measuring) return;
    const due = [...owned]
      .map((range) => ({ range, urgency: this.#urgencyOf(range, now) }))
      .filter(({ urgency }) => urgency > 0)
      .sort((a, b) => b.urgency - a.urgency)
      .slice(0, RANGES_AT_ONCE);
    if (due.length === 0) return;
    this.#measuring = true;
    try {
      const measured = await this.#storage.measure(due.map(({ range }) => range));
      for (const [range, size] of measured) this.#learn(range, size, now);
    } finally {
      this.#measuring = false;
    }
  }

  /** 0: it need not be measured now. */
  #urgencyOf(range: RangeId, now: number): number {
    const known = this.#known.get(range);
    if (known === undefined) return Number.MAX_VALUE;
    const news = this.#newsOf(range, known);
    const forMs = now - known.at;
    const isMuch = news >= Math.max(NEWS_BYTES_MIN, NEWS_SHARE * known.bytes) && forMs >= PAUSE_MS;
    return isMuch || forMs >= PERIOD_MS ? news : 0;
  }

  #learn(range: RangeId, size: MeasuredRange, at: number): void {
    const before = this.#known.get(range);
    const applied = before === undefined ? 0 : size.appliedBytes - before.appliedBytes;
    const grown = before === undefined ? 0 : size.bytes - before.bytes;
    const growth = applied <= 0 ? (before?.growth ?? 1) : Math.min(1, Math.max(0, grown / applied));
    this.#known.set(range, { ...size, at, growth });
  }
}
