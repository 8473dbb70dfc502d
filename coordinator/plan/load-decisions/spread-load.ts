// Evens out the CPU that nodes spend on the ranges they own, by hand-overs (R8): they cost nothing but a moment. A hand-over must lower the
// level of the busier of the two nodes by a twentieth of the mean, and a node within a tenth of the mean is left alone, because
// reports are that exact.

import { type DescriptorImage, withTransfer } from '../../../common/model/descriptor.ts';
import type { NodeId } from '../../../common/model/ids.ts';
import { nameOf } from '../../cluster-view.ts';
import { intendedOwner } from '../node-loads.ts';
import type { PlanBuilder } from '../plan-builder.ts';
import { handOversOf, handOverTargets, percent } from './movable.ts';

/** A node above this level sheds ranges. */
export const LEVEL_MAX = 1.1;
export const GAIN_MIN = 0.05;

interface Choice {
  readonly image: DescriptorImage;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly gain: number;
}

export function planLoadSpread(builder: PlanBuilder): void {
  const { view, config, weights } = builder;
  if (!weights.cpu.matter) return;
  const underWay = view.ranges.filter((image) => builder.latest(image).transferTo !== null).length;
  const targets = handOverTargets(builder);
  const loaded = view.ranges.filter(({ descriptor }) => weights.isLoaded(descriptor.id));
  for (let transfers = underWay; transfers < config.transfersAtOnce; transfers++) {
    const best = bestHandOver(builder, loaded, targets);
    if (best === undefined) return;
    transfer(builder, best);
  }
}

function bestHandOver(
  builder: PlanBuilder,
  loaded: readonly DescriptorImage[],
  targets: readonly NodeId[],
): Choice | undefined {
  const { weights } = builder;
  let best: Choice | undefined;
  for (const image of loaded) {
    if (weights.cpu.level(intendedOwner(image.descriptor)) <= LEVEL_MAX) continue;
    const cpu = weights.cpuOf(image.descriptor.id);
    for (const { from, to } of handOversOf(builder, image, targets)) {
      const gain = weights.cpu.gain(from, to, cpu);
      if (gain < GAIN_MIN) continue;
      if (best === undefined || gain > best.gain) best = { image, from, to, gain };
    }
  }
  return best;
}

function transfer(builder: PlanBuilder, { image, from, to }: Choice): void {
  const { view, weights } = builder;
  const { descriptor } = image;
  const levels = `they have ${percent(weights.cpu.level(from))} and ${percent(weights.cpu.level(to))} of the mean load`;
  builder.change(image, withTransfer(descriptor, to), {
    change: 'transfer',
    node: to,
    reason: `range ${descriptor.id}: ${nameOf(view, from)} is to hand over to ${nameOf(view, to)}: ${levels}`,
  });
}
