// Makes the steps that bring the cluster from its present view to its desired state. Pure: the same view gives the same steps, and
// if nothing is to be done there are none. Safety does not depend on the plan: each step is a fenced compare-and-set, and a
// descriptor is changed only by the functions that keep its rules (common/model/descriptor.ts).

import { defaultMinInSync } from '../common/model/descriptor.ts';
import type { ClusterView } from './cluster-view.ts';
import type { PlanConfig } from './config.ts';
import { planEnded } from './plan/ended-ranges.ts';
import { planDefaultNamespace } from './plan/first-ranges.ts';
import { planIsolation } from './plan/isolation.ts';
import { planMerges } from './plan/load-decisions/merge-ranges.ts';
import { planWeightMoves } from './plan/load-decisions/move-weights.ts';
import { planSplits } from './plan/load-decisions/split-ranges.ts';
import { planLoadSpread } from './plan/load-decisions/spread-load.ts';
import { planMembership } from './plan/membership.ts';
import { planNotes } from './plan/notes.ts';
import { PlanBuilder } from './plan/plan-builder.ts';
import { planPreview } from './plan/preview.ts';
import { planPromotion } from './plan/promote.ts';
import { planWithdrawal } from './plan/reshape.ts';
import { planOwnerSpread } from './plan/spread-owners.ts';
import { planReplicaSpread } from './plan/spread-replicas.ts';
import { endRebalance, isRebalancing } from './plan/task-control.ts';
import { planTask } from './plan/tasks.ts';
import { taskKey } from './set-aside.ts';
import type { RangeStep, Step } from './step.ts';

/** The steps for this view, the most urgent first. The caller executes them, takes a new view and plans again. */
export function plan(view: ClusterView, config: PlanConfig): readonly Step[] {
  const balanceAfterMs = isRebalancing(view) ? 0 : config.balanceAfterMs;
  const builder = new PlanBuilder(view, { ...config, balanceAfterMs });
  for (const image of view.ranges) planPromotion(builder, image);
  for (const image of view.ranges) planWithdrawal(builder, image);
  for (const image of view.otherRanges) planEnded(builder, image);
  for (const image of view.ranges) {
    if (!builder.isTouched(image.descriptor.id)) planMembership(builder, image);
  }
  planDefaultNamespace(builder, defaultMinInSync(config.replicationFactor));
  for (const task of view.tasks) if (task.record.dryRun !== true) planTask(builder, task);
  // They take long, so one at a time.
  const preview = view.tasks.find(
    ({ id, record }) => record.dryRun === true && !view.setAside.has(taskKey(id)),
  );
  if (preview !== undefined) planPreview(builder, preview, plan);
  planIsolation(builder);
  if (!builder.steps.some(isPromotion)) planLoadDecisions(builder);
  endRebalance(builder);
  planNotes(builder);
  return builder.steps;
}

/** What the leader does without being asked, the cheapest first: hand-overs cost a moment, splits and merges a little more, moves copy bytes. */
function planLoadDecisions(builder: PlanBuilder): void {
  planLoadSpread(builder);
  planSplits(builder);
  planMerges(builder);
  if (builder.steps.length === 0) planWeightMoves(builder);
  if (builder.steps.length === 0) planReplicaSpread(builder);
  planOwnerSpread(builder);
}

/** Whether the step must be planned from live znodes that were read after the descriptor (R7, reread.ts). */
export function isPromotion(step: Step): step is RangeStep {
  return step.kind === 'range' && (step.change === 'promote' || step.change === 'raise-epoch');
}

/** In how many ms the plan may change because of time alone; null: it will not. */
export function dueInMs(view: ClusterView, config: PlanConfig): number | null {
  const waits: number[] = [];
  if (!view.namespaces.size || view.tasks.length > 0)
    waits.push(config.firstRangesAfterMs - view.someNodeForMs);
  for (const [node, sameForMs] of view.sameForMs) {
    waits.push((view.live.has(node) ? config.balanceAfterMs : config.replaceAfterMs) - sameForMs);
    if (!view.live.has(node)) waits.push(config.noteAfterMs - sameForMs);
  }
  for (const forMs of view.unreachableForMs.values()) waits.push(config.noteAfterMs - forMs);
  waits.push(...view.connectivity.waitsFor(config.replaceAfterMs));
  for (const ranges of view.stuckForMs.values())
    for (const forMs of ranges.values()) waits.push(config.replaceAfterMs - forMs);
  for (const ownedForMs of view.ownedForMs.values()) waits.push(config.balanceAfterMs - ownedForMs);
  const ahead = waits.filter((wait) => wait > 0);
  return ahead.length === 0 ? null : Math.min(...ahead);
}
