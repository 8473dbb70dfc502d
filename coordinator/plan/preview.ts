// Dry runs: what a task would do, found by planning it again and again on a cluster in which everything succeeds at once (what-if.ts).

import type { ClusterView, TaskImage } from '../cluster-view.ts';
import type { PlanConfig } from '../config.ts';
import type { Step } from '../step.ts';
import { ownersAndReplicas } from './node-counts.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { failedTask, update } from './task-update.ts';
import { whatIf } from './what-if.ts';

/** Plans for one task. */
const ROUNDS_MAX = 200;
/** More of them are only counted. */
const STEPS_SHOWN = 200;

type Plan = (view: ClusterView, config: PlanConfig) => readonly Step[];

/** Ends the task with the steps that it would take, in order, each with its reason. */
export function planPreview(builder: PlanBuilder, task: TaskImage, plan: Plan): void {
  const { dryRun: _, ...record } = task.record;
  let view: ClusterView = { ...builder.view, tasks: [{ ...task, record }] };
  const config = { ...builder.config, balanceAfterMs: 0, movesAtOnce: Number.MAX_SAFE_INTEGER };
  const before = ownersAndReplicas(view);
  const reasons: string[] = [];
  for (let round = 0; round < ROUNDS_MAX && view.tasks.length > 0; round++) {
    const steps = plan(view, config);
    if (steps.length === 0) break;
    const failed = steps.find(({ task: updated }) => updated?.after.state === 'failed');
    if (failed?.task) return builder.add(failedTask(task, failed.task.after.progress));
    reasons.push(
      ...steps.filter(({ kind }) => kind !== 'task' && kind !== 'note-node').map(({ reason }) => reason),
    );
    view = whatIf(view, steps);
  }
  const waits = view.tasks.map((left) => `then it waits: ${left.record.progress}`);
  const counts = ownersAndReplicas(view).filter((line) => !before.includes(line));
  const more = reasons.length > STEPS_SHOWN ? [`and ${reasons.length - STEPS_SHOWN} more`] : [];
  const steps = [
    ...reasons.slice(0, STEPS_SHOWN),
    ...more,
    ...waits,
    ...before
      .filter((line) => counts.length > 0 && !ownersAndReplicas(view).includes(line))
      .map((line) => `before: ${line}`),
    ...counts.map((line) => `after: ${line}`),
  ];
  const reason = reasons.length === 0 ? 'nothing would be done' : `${reasons.length} steps would be taken`;
  const done = update(task, 'done', reason);
  builder.add({
    kind: 'task',
    task: { ...done, after: { ...done.after, steps } },
    reason: `a dry run: ${reason}`,
  });
}
