// Which ranges the page shows: each part of the key space once. A split or a merge is one transaction, but its parents and children are
// read one by one, and the children's owner is asked about them later. So the parents stay until children are known in all their place,
// and a moment longer until their owner has reported them. Then the children take the place of the parents at once, and serve already.

import { compareBytes, parseBytes } from '../common/base/bytes.ts';
import type { Descriptor } from '../common/model/descriptor.ts';
import type { RangeId } from '../common/model/ids.ts';
import { compareEnds } from '../common/model/key-range.ts';
import type { ClusterView } from './cluster-view.ts';
import type { RangeRow } from './feed.ts';

/** How long a parent stays, ms, whatever its children do. */
const STAY_MS = 1_500;

export interface ShownRanges {
  readonly serving: readonly Descriptor[];
  /** Ranges that have ended, as they were shown before. */
  readonly ended: readonly RangeRow[];
}

export interface SeenBefore {
  /** The rows that were shown last. */
  readonly rows: ReadonlyMap<RangeId, RangeRow>;
  /** Whether the range's owner has reported that it serves it. */
  readonly isReported: (range: Descriptor) => boolean;
  /** Unix ms. */
  readonly now: number;
}

export function shownRanges({ ranges, namespaces }: ClusterView, seen: SeenBefore): ShownRanges {
  const descriptors = ranges.map(({ descriptor }) => descriptor);
  const serving = descriptors.filter(({ state }) => state === 'serving');
  const present = new Set(serving.map(({ id }) => id));
  const dropped = new Set(descriptors.filter(({ state }) => state === 'dropped').map(({ id }) => id));
  const names = new Set(namespaces.map(({ name }) => name));
  const ended = [...seen.rows.values()].flatMap((row) => {
    if (present.has(row.id) || dropped.has(row.id) || !names.has(row.namespace)) return [];
    const since = row.change === 'replaced' && row.since !== null ? row.since : seen.now;
    const stays = seen.now - since < STAY_MS && !isFollowed(row, serving, seen);
    return stays ? [{ ...row, change: 'replaced' as const, since }] : [];
  });
  // A range that serves although others came of it was read before that.
  const shown = new Set([...present, ...ended.map(({ id }) => id)]);
  const isEarly = ({ parents }: Descriptor) => parents.some(({ range }) => shown.has(range));
  return { serving: serving.filter((range) => !isEarly(range)), ended };
}

/** Whether ranges that came of it are known in all its place, and have been reported. */
function isFollowed(
  row: RangeRow,
  serving: readonly Descriptor[],
  { rows, isReported }: SeenBefore,
): boolean {
  const heirs = serving.filter(({ parents }) => parents.some(({ range }) => range === row.id));
  if (!heirs.every((heir) => rows.has(heir.id) || isReported(heir))) return false;
  const end = row.end === null ? null : parseBytes(row.end);
  let covered = parseBytes(row.start);
  for (const heir of heirs.sort((a, b) => compareBytes(a.start, b.start))) {
    if (compareBytes(heir.start, covered) > 0) return false;
    if (compareEnds(heir.end, end) >= 0) return true;
    covered = heir.end ?? covered;
  }
  return false;
}
