// Collects the steps of a plan, and the loads that the nodes will have once the steps are done, so that each decision takes the
// earlier ones into account. A range is changed at most once in a plan. Steps that are set aside (set-aside.ts) are left out here,
// whichever rule asks for them.

import type { Descriptor, DescriptorImage } from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { ClusterView } from '../cluster-view.ts';
import type { PlanConfig } from '../config.ts';
import { keyOf } from '../set-aside.ts';
import type { RangeChange, RangeStep, Step, TaskUpdate } from '../step.ts';
import { RangeWeights } from './load-decisions/range-weights.ts';
import { NodeLoads } from './node-loads.ts';
import { RangeIndex } from './range-index.ts';

export class PlanBuilder {
  readonly view: ClusterView;
  readonly config: PlanConfig;
  readonly loads: NodeLoads;
  readonly weights: RangeWeights;
  readonly index: RangeIndex;
  readonly steps: Step[] = [];
  readonly #after = new Map<RangeId, Descriptor>();
  readonly #held = new Set<RangeId>();

  constructor(view: ClusterView, config: PlanConfig) {
    this.view = view;
    this.config = config;
    this.weights = new RangeWeights(view, config.busyCpu);
    this.index = new RangeIndex(view);
    this.loads = new NodeLoads(view, this.weights);
    for (const { descriptor } of view.ranges) this.loads.count(descriptor, 1);
  }

  /** Whether a step so far changes the range. */
  isTouched(id: RangeId): boolean {
    return this.#after.has(id);
  }

  /** Leaves the range to a task that has something in mind: it is not moved for balance. */
  hold(id: RangeId): void {
    this.#held.add(id);
  }

  isHeld(id: RangeId): boolean {
    return this.#held.has(id);
  }

  /** The descriptor as the steps so far leave it. */
  latest(image: DescriptorImage): Descriptor {
    return this.#after.get(image.descriptor.id) ?? image.descriptor;
  }

  /** Adds a step that changes a range from `before` to `after`. */
  change(
    before: DescriptorImage,
    after: Descriptor,
    why: { change: RangeChange; node: NodeId | null; reason: string; task?: TaskUpdate },
  ): void {
    const step: RangeStep = { kind: 'range', before, after, task: null, ...why };
    if (this.view.setAside.has(keyOf(step))) return;
    // A range that has ended is no load, although nodes may still hold it.
    if (before.descriptor.state === 'serving') this.loads.count(before.descriptor, -1);
    if (after.state === 'serving') this.loads.count(after, 1);
    this.#after.set(after.id, after);
    this.steps.push(step);
  }

  /** Whether a step so far takes ids from the cluster's counters. */
  get takesIds(): boolean {
    return this.steps.some(({ kind }) => kind === 'create-namespace' || kind === 'reshape');
  }

  add(step: Exclude<Step, { kind: 'range' }>): void {
    if (this.view.setAside.has(keyOf(step))) return;
    if (step.kind === 'reshape') for (const { after } of step.ranges) this.#after.set(after.id, after);
    this.steps.push(step);
  }
}
