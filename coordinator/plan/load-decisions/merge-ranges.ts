// Merges that the leader decides by itself: two neighbours that are small, and of which hardly anything was asked for a long time. Bounds made
// by hand stay. What is merged is far from what is split (a quarter of the bytes each, a tenth of the load), so neither undoes the
// other.

import { compareBytes, equalBytes } from '../../../common/base/bytes.ts';
import type { Descriptor, DescriptorImage } from '../../../common/model/descriptor.ts';
import { approachMerge } from '../merge-steps.ts';
import type { PlanBuilder } from '../plan-builder.ts';
import { splitBytesOf } from './namespace-rules.ts';

/** Each of the two has at most this part of the bytes at which ranges are split. */
const SMALL_SHARE = 0.25;

type Pair = readonly [DescriptorImage, DescriptorImage];

/** Makes the next steps towards merges. While one is approached, its ranges are not moved for balance. */
export function planMerges(builder: PlanBuilder): void {
  const underWay = builder.view.ranges.filter(({ descriptor }) => descriptor.reshape !== null).length;
  for (const pair of pairs(builder).slice(0, builder.config.reshapesAtOnce - underWay)) {
    const reason = 'both are small, and hardly anything is asked of them';
    approachMerge(builder, pair, { byHand: false, reason }, () => null);
  }
}

/** Pairs that are to be merged; no range is in two of them. The same view gives the same pairs, so an approach goes on until it is done. */
function pairs(builder: PlanBuilder): readonly Pair[] {
  const found: Pair[] = [];
  const sorted = builder.view.ranges
    .filter(({ descriptor }) => isSmallAndCold(builder, descriptor))
    .sort(
      (a, b) =>
        a.descriptor.namespaceId - b.descriptor.namespaceId ||
        compareBytes(a.descriptor.start, b.descriptor.start),
    );
  for (let at = 0; at + 1 < sorted.length; at++) {
    const [left, right] = [sorted[at], sorted[at + 1]];
    if (left === undefined || right === undefined || !areNeighbours([left, right])) continue;
    found.push([left, right]);
    at++;
  }
  return found;
}

function areNeighbours([{ descriptor: left }, { descriptor: right }]: Pair): boolean {
  if (left.namespaceId !== right.namespaceId || left.end === null) return false;
  return equalBytes(left.end, right.start) && !right.placement.startByHand;
}

function isSmallAndCold(builder: PlanBuilder, { id, namespace, placement, reshape }: Descriptor): boolean {
  const { view, config } = builder;
  const { pinned, isolated, home } = placement;
  if (pinned || isolated || home !== null || reshape !== null || builder.isHeld(id)) return false;
  const load = view.loads.ranges.get(id);
  if (load === undefined || load.bytes === null || load.isEstimated) return false;
  const small = load.bytes <= SMALL_SHARE * splitBytesOf(builder, namespace);
  return small && load.coldForMs >= config.mergeAfterMs;
}
