// Where a range is cut. A cut is inside the range and parts no unit of its namespace, so both sides have keys to come.

import { type Bytes, compareBytes, equalBytes, keyAfter } from '../../../common/base/bytes.ts';
import { contains, type KeyRange } from '../../../common/model/key-range.ts';
import { LOAD_LIMITS } from '../../../common/model/load.ts';

/** Fewer samples say nothing about where the load is. */
const SAMPLES_MIN = 8;
/** A cut is worth it if each side gets this part of the load. */
const SIDE_SHARE = 0.25;

/** How many keys cannot be parted: those from `start` on, before `end`. Null: there is no end. */
export interface UnitBounds {
  readonly start: Bytes;
  readonly end: Bytes | null;
}

/** The unit of a key: keys that no split may part. Without units each key is its own. */
export type UnitOf = (key: Bytes) => UnitBounds;

export const EACH_KEY: UnitOf = (key) => ({ start: key, end: keyAfter(key) });

export interface LoadCut {
  readonly cuts: readonly Bytes[];
  /** `halves`: the cut parts the load. `isolates`: one key, or one unit, has most of it. */
  readonly kind: 'halves' | 'isolates';
  /** The part of the load that the left side gets, or that the isolated key has. */
  readonly share: number;
}

/** The bound at or below the key that parts no unit; where the range begins with that unit, the one above it. Null: there is none. */
export function boundNear(range: KeyRange, key: Bytes, unitOf: UnitOf): Bytes | null {
  const { start, end } = unitOf(key);
  return [start, end].find((bound) => bound !== null && isInside(range, bound)) ?? null;
}

/** A range does not begin there, so both children have keys. */
function isInside(range: KeyRange, bound: Bytes): boolean {
  return contains(range, bound) && !equalBytes(bound, range.start);
}

/** Where the load of a range is halved, by its sampled keys. Null: they are too few, or nothing would be gained. */
export function loadCut(range: KeyRange, samples: readonly Bytes[], unitOf: UnitOf): LoadCut | null {
  const inside = samples.filter((key) => contains(range, key)).sort(compareBytes);
  if (inside.length < SAMPLES_MIN) return null;
  const half = bestHalf(range, inside, unitOf);
  if (half !== null && Math.min(half.share, 1 - half.share) >= SIDE_SHARE)
    return { cuts: [half.bound], kind: 'halves', share: half.share };
  return isolation(range, inside, unitOf);
}

function bestHalf(
  range: KeyRange,
  samples: readonly Bytes[],
  unitOf: UnitOf,
): { readonly bound: Bytes; readonly share: number } | null {
  let best: { bound: Bytes; share: number } | null = null;
  for (const key of samples) {
    const bound = boundNear(range, key, unitOf);
    if (bound === null) continue;
    const share = samples.filter((sample) => compareBytes(sample, bound) < 0).length / samples.length;
    if (best === null || Math.abs(share - 0.5) < Math.abs(best.share - 0.5)) best = { bound, share };
  }
  return best;
}

/** If no cut gives each side a quarter, one unit has more than half of the load. */
function isolation(range: KeyRange, samples: readonly Bytes[], unitOf: UnitOf): LoadCut | null {
  let best: { readonly unit: UnitBounds; readonly share: number } | null = null;
  for (const key of samples) {
    // It may be the beginning of a longer key.
    if (key.length >= LOAD_LIMITS.sampleBytesMax) continue;
    const unit = unitOf(key);
    const share = samples.filter((sample) => contains(unit, sample)).length / samples.length;
    if (best === null || share > best.share) best = { unit, share };
  }
  if (best === null || best.share < 1 - 2 * SIDE_SHARE) return null;
  const { start, end } = best.unit;
  const cuts = [start, end].filter((bound) => bound !== null).filter((bound) => isInside(range, bound));
  return cuts.length === 0 ? null : { cuts, kind: 'isolates', share: best.share };
}
