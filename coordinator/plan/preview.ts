// Dry runs: what a task would do, found by planning it again and again on a cluster in which everything succeeds at once (what-if.ts).

import { counted } from '../../common/base/words.ts';
import type { ClusterView, TaskImage } from '../cluster-view.ts';
import type { PlanConfig } from '../config.ts';
import type { Step } from '../step.ts';
import { ownersAndReplicas } from './node-counts.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { failedTask, update } from './task-update.ts';
import { whatIf } from './what-if.ts';

/**
 * Plans for one task, at most; fewer with many ranges. Each costs about 10 µs a range, and meanwhile the leader does nothing else: it must
 * not lose its session for a dry run.
 */
const ROUNDS = { least: 10, most: 200 };
const RANGES_LOOKED_AT = 100_000;
/** A task's moves are planned at so many at once, so that it takes few plans. */
const MOVES_AT_ONCE = 64;
/** More of them are only counted. */
const STEPS_SHOWN = 200;

type Plan = (view: ClusterView, config: PlanConfig) => readonly Step[];

/** Ends the task with the steps that it would take, in order, each with its reason. */
export function planPreview(builder: PlanBuilder, task: TaskImage, plan: Plan): void {
  const { dryRun: _, ...record } = task.record;
  let view: ClusterView = { ...builder.view, tasks: [{ ...task, record }] };
  // For balance the best move is sought anew each time.
  const movesAtOnce = record.request?.kind === 'rebalance' ? builder.config.movesAtOnce : MOVES_AT_ONCE;
  const config = { ...builder.config, balanceAfterMs: 0, movesAtOnce };
  const rounds = roundsFor(view);
  let round = 0;
  const before = ownersAndReplicas(view);
  const reasons: string[] = [];
  for (; round < rounds && view.tasks.length > 0; round++) {
    const steps = plan(view, config);
    if (steps.length === 0) break;
    const failed = steps.find(({ task: updated }) => updated?.after.state === 'failed');
    if (failed?.task) return builder.add(failedTask(task, failed.task.after.progress));
    reasons.push(
      ...steps.filter(({ kind }) => kind !== 'task' && kind !== 'note-node').map(({ reason }) => reason),
    );
    view = whatIf(view, steps);
  }
  const waits = view.tasks.map(({ record: left }) =>
    round === rounds ? 'then more, which a dry run does not look for' : `then it waits: ${left.progress}`,
  );
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
  const reason =
    reasons.length === 0 ? 'nothing would be done' : `${counted(reasons.length, 'step')} would be taken`;
  const done = update(task, 'done', reason);
  builder.add({
    kind: 'task',
    task: { ...done, after: { ...done.after, steps } },
    reason: `a dry run: ${reason}`,
  });
}

function roundsFor({ ranges }: ClusterView): number {
  const rounds = Math.floor(RANGES_LOOKED_AT / Math.max(1, ranges.length));
  return Math.min(Math.max(rounds, ROUNDS.least), ROUNDS.most);
}
