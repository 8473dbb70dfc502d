// From a view to the steps that bring the cluster nearer to what it should be. Pure: the same view gives the same steps,
// nothing is remembered, and a view in which all is well gives none. Safety does not rest on the plan: each step is a
// compare-and-set, fenced, and each change of a descriptor goes through the functions that keep its rules.

import { defaultMinInSync } from '../common/model/descriptor.ts';
import type { View } from './cluster-view.ts';
import type { PlanConfig } from './config.ts';
import { Draft } from './plan/draft.ts';
import { planDefaultNamespace } from './plan/first-ranges.ts';
import { planMembership } from './plan/membership.ts';
import { planNotes } from './plan/notes.ts';
import { planPromotion } from './plan/promote.ts';
import { planOwnerSpread } from './plan/spread-owners.ts';
import { planReplicaSpread } from './plan/spread-replicas.ts';
import { planTask } from './plan/tasks.ts';
import type { RangeStep, Step } from './step.ts';

/** The steps for this view, the most urgent first. Carry out what can be, look again, plan again. */
export function plan(view: View, config: PlanConfig): readonly Step[] {
  const draft = new Draft(view, config);
  for (const image of view.ranges) planPromotion(draft, image);
  for (const image of view.ranges) {
    if (!draft.isTouched(image.descriptor.id)) planMembership(draft, image);
  }
  planDefaultNamespace(draft, defaultMinInSync(config.replicationFactor));
  for (const task of view.tasks) planTask(draft, task);
  if (draft.steps.length === 0) planReplicaSpread(draft);
  if (!draft.steps.some(isPromotion)) planOwnerSpread(draft);
  planNotes(draft);
  return draft.steps;
}

/** Decided on live znodes that are read after the descriptor (reread.ts). */
export function isPromotion(step: Step): step is RangeStep {
  return step.kind === 'range' && (step.change === 'promote' || step.change === 'raise-epoch');
}

/** In how many ms the mere passing of time may change the plan; null: not at all. */
export function dueInMs(view: View, config: PlanConfig): number | null {
  const waits: number[] = [];
  if (!view.namespaces.size || view.tasks.length > 0)
    waits.push(config.firstRangesAfterMs - view.someNodeForMs);
  for (const [node, sameForMs] of view.sameForMs) {
    waits.push((view.live.has(node) ? config.balanceAfterMs : config.replaceAfterMs) - sameForMs);
    if (!view.live.has(node)) waits.push(config.noteAfterMs - sameForMs);
  }
  for (const forMs of view.apartForMs.values()) waits.push(config.noteAfterMs - forMs);
  waits.push(...view.reach.waitsFor(config.replaceAfterMs));
  for (const ranges of view.stuckForMs.values())
    for (const forMs of ranges.values()) waits.push(config.replaceAfterMs - forMs);
  for (const ownedForMs of view.ownedForMs.values()) waits.push(config.balanceAfterMs - ownedForMs);
  const ahead = waits.filter((wait) => wait > 0);
  return ahead.length === 0 ? null : Math.min(...ahead);
}
