// A plan in the making: the steps so far, and the loads as they will be once these are done, so that each decision sees
// the ones before it. A range is changed at most once in a plan: the next plan sees what came of it. What is set aside
// (set-aside.ts) is left out here, whichever rule asks for it.

import type { Descriptor, DescriptorImage } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { View } from '../cluster-view.ts';
import type { PlanConfig } from '../config.ts';
import { keyOf } from '../set-aside.ts';
import type { RangeChange, RangeStep, Step, TaskUpdate } from '../step.ts';
import { Ledger } from './node-loads.ts';

export class Draft {
  readonly view: View;
  readonly config: PlanConfig;
  readonly ledger: Ledger;
  readonly steps: Step[] = [];
  readonly #after = new Map<RangeId, Descriptor>();

  constructor(view: View, config: PlanConfig) {
    this.view = view;
    this.config = config;
    this.ledger = new Ledger(view);
    for (const { descriptor } of view.ranges) this.ledger.count(descriptor, 1);
  }

  isTouched(id: RangeId): boolean {
    return this.#after.has(id);
  }

  /** The descriptor as it will be after the steps so far. */
  latest(image: DescriptorImage): Descriptor {
    return this.#after.get(image.descriptor.id) ?? image.descriptor;
  }

  change(
    before: DescriptorImage,
    after: Descriptor,
    why: { change: RangeChange; node: NodeId | null; reason: string; task?: TaskUpdate },
  ): void {
    const step: RangeStep = { kind: 'range', before, after, task: null, ...why };
    if (this.view.setAside.has(keyOf(step))) return;
    this.ledger.count(before.descriptor, -1);
    this.ledger.count(after, 1);
    this.#after.set(after.id, after);
    this.steps.push(step);
  }

  add(step: Exclude<Step, { kind: 'range' }>): void {
    if (!this.view.setAside.has(keyOf(step))) this.steps.push(step);
  }
}
