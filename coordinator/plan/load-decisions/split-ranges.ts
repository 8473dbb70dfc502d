// Splits that the leader decides by itself. By size: a range with more bytes than its namespace allows is cut where they are halved. By load: a
// range that has more than half of a node's mean load, on a node that is above the mean although nothing can be handed over. If all
// ranges have less than half, hand-overs can keep every node below one and a half times the mean; so what is split for
// its load is at most a few ranges, and each only until its part is small enough.

import type { Bytes } from '../../../common/base/bytes.ts';
import type { Descriptor, DescriptorImage } from '../../../common/model/descriptor.ts';
import { contains } from '../../../common/model/key-range.ts';
import { isUsable } from '../../cluster-view.ts';
import type { RangeLoadView } from '../../load-view.ts';
import type { PlanBuilder } from '../plan-builder.ts';
import { canCommit, requestSplit } from '../reshape.ts';
import { boundNear, loadCut } from './cuts.ts';
import { isFree, percent } from './movable.ts';
import { splitBytesOf, unitOf } from './namespace-rules.ts';

/** The part of a node's mean load that a range may have. */
const SHARE_MAX = 0.5;
/** A range with more is parted in three, because its children are not split again so soon. */
const THIRDS_SHARE = 1.2;
/** A node above this level, relative to the mean, has a range too many that is too hot. */
const LEVEL_MAX = 1.4;
/** Splits in vain double the wait before the next; up to so many times. */
const DOUBLINGS_MAX = 8;

interface Wanted {
  readonly cuts: readonly Bytes[];
  readonly reason: string;
}

/** Adds the most urgent split, if there is one: a plan takes ids once. */
export function planSplits(builder: PlanBuilder): void {
  const underWay = builder.view.ranges.filter(({ descriptor }) => descriptor.reshape !== null).length;
  if (underWay >= builder.config.reshapesAtOnce || builder.takesIds) return;
  const ranges = hottestFirst(builder);
  for (const wantedOf of [wantedForSize, wantedForLoad]) {
    for (const image of ranges) {
      const load = builder.view.loads.ranges.get(image.descriptor.id);
      const wanted = load === undefined ? null : wantedOf(builder, image.descriptor, load);
      if (wanted !== null && maySplit(builder, image)) return request(builder, image, wanted);
    }
  }
}

function hottestFirst({ view, weights }: PlanBuilder): readonly DescriptorImage[] {
  const reported = view.ranges
    .filter(({ descriptor }) => view.loads.ranges.has(descriptor.id))
    .map((image) => ({ image, cpu: weights.cpuOf(image.descriptor.id) }));
  reported.sort((a, b) => b.cpu - a.cpu || a.image.descriptor.id - b.image.descriptor.id);
  return reported.map(({ image }) => image);
}

function maySplit(builder: PlanBuilder, image: DescriptorImage): boolean {
  const { view } = builder;
  const { descriptor } = image;
  return isFree(builder, image) && isUsable(view, descriptor.owner.node) && canCommit(view, descriptor);
}

function request(builder: PlanBuilder, image: DescriptorImage, { cuts, reason }: Wanted): void {
  const step = requestSplit(builder, image, { cuts, byHand: false, reason }, () => null);
  if (step !== null) builder.add(step);
}

function wantedForSize(
  builder: PlanBuilder,
  descriptor: Descriptor,
  { bytes, middleKey, isEstimated }: RangeLoadView,
): Wanted | null {
  const limit = splitBytesOf(builder, descriptor.namespace);
  if (isEstimated || bytes === null || bytes <= limit || middleKey === undefined) return null;
  if (!contains(descriptor, middleKey)) return null;
  const cut = boundNear(descriptor, middleKey, unitOf(builder, descriptor.namespace));
  return cut === null ? null : { cuts: [cut], reason: `it has ${bytes} bytes, and ${limit} are allowed` };
}

function wantedForLoad(builder: PlanBuilder, descriptor: Descriptor, load: RangeLoadView): Wanted | null {
  const { weights, config } = builder;
  const { owner, parents, namespace } = descriptor;
  const { cpu, isEstimated, samples, knownForMs, splitsInVain } = load;
  if (isEstimated || samples === undefined || cpu < config.hotCpu || !weights.cpu.matter) return null;
  const share = cpu / weights.cpu.mean;
  if (share <= SHARE_MAX || weights.cpu.level(owner.node) <= LEVEL_MAX) return null;
  const afterMs = config.splitLoadAfterMs * 2 ** Math.min(splitsInVain, DOUBLINGS_MAX);
  if (parents.length > 0 && knownForMs < afterMs) return null;
  const pieces = share > THIRDS_SHARE ? 3 : 2;
  const cut = loadCut(descriptor, samples, { unitOf: unitOf(builder, namespace), pieces });
  if (cut === null) return null;
  const shares = cut.shares.map(percent).join(' and ');
  const where =
    cut.kind === 'parts'
      ? `the pieces get ${shares} of it`
      : `one key or unit has ${shares} of it, and is isolated`;
  return { cuts: cut.cuts, reason: `it has ${percent(share)} of a node's mean load; ${where}` };
}
