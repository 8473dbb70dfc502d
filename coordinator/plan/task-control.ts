// Tasks about other tasks, and about all ranges: cancel one, and make the load even.

import { withReshape, withRetire, withTransfer } from '../../common/model/descriptor.ts';
import type { TaskRequest } from '../../common/model/records.ts';
import type { ClusterView, TaskImage } from '../cluster-view.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { isAtRest } from './reshape.ts';
import { failedTask, note, Refusal, update } from './task-update.ts';

type Request<K extends TaskRequest['kind']> = Extract<TaskRequest, { kind: K }>;

/** The other task ends as failed. What it has changed stays, and what it has requested of a range is withdrawn. */
export function executeCancel(builder: PlanBuilder, task: TaskImage, request: Request<'cancel'>): void {
  const found = builder.view.tasks.filter(({ id }) => id.startsWith(String(request.task)) && id !== task.id);
  const [target, ...more] = found;
  if (target === undefined) throw new Refusal(`there is no task ${request.task} that has not ended`);
  if (more.length > 0) throw new Refusal(`several tasks begin with ${request.task}`);
  if (builder.steps.some((step) => step.kind !== 'range' && step.task?.task.id === target.id)) return;
  withdraw(builder, target);
  builder.add(failedTask(target, 'an administrator cancelled it'));
  const outcome = `task ${target.id} is cancelled`;
  builder.add({ kind: 'task', task: update(task, 'done', outcome), reason: outcome });
}

function withdraw(builder: PlanBuilder, { record }: TaskImage): void {
  const { request, children } = record;
  for (const image of builder.view.ranges) {
    const { descriptor } = image;
    const { id, reshape, retire, transferTo } = descriptor;
    if (builder.isTouched(id)) continue;
    const reason = `range ${id}: what a task had requested is withdrawn, because the task is cancelled`;
    const [child] = children ?? [];
    if (child !== undefined && reshape?.children[0] === child) {
      builder.change(image, withReshape(descriptor, null), {
        change: 'withdraw-request',
        node: null,
        reason,
      });
    } else if (request?.kind === 'move' && request.range === id && retire === request.from) {
      builder.change(image, withRetire(descriptor, null), { change: 'keep-replica', node: retire, reason });
    } else if (request?.kind === 'transfer' && request.range === id && transferTo === request.to) {
      builder.change(image, withTransfer(descriptor, null), {
        change: 'cancel-transfer',
        node: transferTo,
        reason,
      });
    }
  }
}

/** The leader balances anyway, but it waits a while after each change. While such a task runs it does not wait. */
export function executeRebalance(builder: PlanBuilder, task: TaskImage): void {
  if (task.record.state === 'pending') note(builder, task, 'ranges are moved where that is worth its cost');
}

export function isRebalancing({ tasks }: ClusterView): boolean {
  return tasks.some(isRunningRebalance);
}

function isRunningRebalance({ record }: TaskImage): boolean {
  return record.state === 'running' && record.request?.kind === 'rebalance';
}

/** Ends such tasks if everything is at rest, and the plan moves nothing. To be called last. */
export function endRebalance(builder: PlanBuilder): void {
  const { view, steps } = builder;
  const isBusy = steps.some(({ kind }) => kind === 'range' || kind === 'reshape');
  if (isBusy || view.ranges.some(({ descriptor }) => !isAtRest(descriptor))) return;
  for (const task of view.tasks.filter(isRunningRebalance)) {
    const outcome = 'nothing is left to move that is worth its cost';
    builder.add({ kind: 'task', task: update(task, 'done', outcome), reason: outcome });
  }
}
