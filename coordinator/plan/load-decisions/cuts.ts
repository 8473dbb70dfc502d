// Where a range is cut. A cut is inside the range and parts no unit of its namespace, so both sides have keys to come.

import { type Bytes, compareBytes, equalBytes, keyAfter } from '../../../common/base/bytes.ts';
import { contains, type KeyRange } from '../../../common/model/key-range.ts';
import { LOAD_LIMITS } from '../../../common/model/load.ts';

/** Fewer samples say nothing about where the load is. */
const SAMPLES_MIN = 8;
/** A cut in two is worth it if each side gets this part of the load, a cut in three if each piece does. */
const SIDE_SHARE = 0.25;
const PIECE_SHARE = 0.2;

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
  /** `parts`: the cuts part the load. `isolates`: one key, or one unit, has most of it. */
  readonly kind: 'parts' | 'isolates';
  /** The part of the load that each piece gets, in order; of the isolated key only. */
  readonly shares: readonly number[];
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

/**
 * Where the load of a range is parted, by its sampled keys. Null: they are too few, or nothing would be gained.
 * @param pieces how many are wanted, 2 or 3
 */
export function loadCut(
  range: KeyRange,
  samples: readonly Bytes[],
  { unitOf, pieces }: { readonly unitOf: UnitOf; readonly pieces: 2 | 3 },
): LoadCut | null {
  const inside = samples.filter((key) => contains(range, key)).sort(compareBytes);
  if (inside.length < SAMPLES_MIN) return null;
  const thirds = pieces === 3 ? cutAt(range, inside, { unitOf, at: [1 / 3, 2 / 3] }) : null;
  if (thirds !== null && Math.min(...thirds.shares) >= PIECE_SHARE) return thirds;
  const half = cutAt(range, inside, { unitOf, at: [1 / 2] });
  if (half !== null && Math.min(...half.shares) >= SIDE_SHARE) return half;
  return isolation(range, inside, unitOf);
}

/** Cuts below which about these parts of the load are. Null: not so many different ones. */
function cutAt(
  range: KeyRange,
  samples: readonly Bytes[],
  { unitOf, at }: { readonly unitOf: UnitOf; readonly at: readonly number[] },
): LoadCut | null {
  const below = (bound: Bytes) =>
    samples.filter((key) => compareBytes(key, bound) < 0).length / samples.length;
  const candidates = samples
    .map((key) => boundNear(range, key, unitOf))
    .filter((bound) => bound !== null)
    .map((bound) => ({ bound, share: below(bound) }));
  const chosen = at.flatMap((wanted) => {
    const byDistance = candidates.toSorted((a, b) => Math.abs(a.share - wanted) - Math.abs(b.share - wanted));
    return byDistance.slice(0, 1);
  });
  const ascends = chosen.every(({ share }, i) => i === 0 || (chosen[i - 1]?.share ?? 0) < share);
  if (chosen.length < at.length || !ascends) return null;
  const shares = [...chosen.map(({ share }) => share), 1].map(
    (share, i) => share - (chosen[i - 1]?.share ?? 0),
  );
  return { cuts: chosen.map(({ bound }) => bound), kind: 'parts', shares };
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
  return cuts.length === 0 ? null : { cuts, kind: 'isolates', shares: [best.share] };
}
