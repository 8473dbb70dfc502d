// Executes tasks, the requests of administrators. A request is checked here field by field, because its znode may hold anything.
// One that cannot be met fails with a sentence that says why. A task's new state is written in the same multi as the change that it
// asks for, so it is executed once.

import type { TaskRequest } from '../../common/model/records.ts';
import type { TaskImage } from '../cluster-view.ts';
import { executeAlter, executeCreate, executeDrop } from './namespace-tasks.ts';
import { executeDrain, executeForget, executeMode, executeUndrain } from './node-tasks.ts';
import {
  executeIsolate,
  executeIsolateKey,
  executeMove,
  executePin,
  executeTransfer,
} from './placement-tasks.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { checkedReports, planRaise } from './raise-epochs.ts';
import { executeMerge, executeSplit } from './reshape-tasks.ts';
import { executeCancel, executeRebalance } from './task-control.ts';
import { failedTask, Refusal, update } from './task-update.ts';

type Request<K extends TaskRequest['kind']> = Extract<TaskRequest, { kind: K }>;

export function planTask(builder: PlanBuilder, task: TaskImage): void {
  try {
    execute(builder, task);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    builder.add(failedTask(task, error.message));
  }
}

function execute(builder: PlanBuilder, task: TaskImage): void {
  const { request, progress } = task.record;
  if (request === null) throw new Refusal(`the request cannot be read: ${progress}`);
  switch (request.kind) {
    case 'create-namespace':
      return executeCreate(builder, task, request);
    case 'alter-namespace':
      return executeAlter(builder, task, request);
    case 'drop-namespace':
      return executeDrop(builder, task, request);
    case 'transfer':
      return executeTransfer(builder, task, request);
    case 'split':
      return executeSplit(builder, task, request);
    case 'merge':
      return executeMerge(builder, task, request);
    case 'move':
      return executeMove(builder, task, request);
    case 'pin':
      return executePin(builder, task, request);
    case 'isolate':
      return executeIsolate(builder, task, request);
    case 'isolate-key':
      return executeIsolateKey(builder, task, request);
    case 'drain':
    case 'decommission':
      return executeDrain(builder, task, request);
    case 'undrain':
      return executeUndrain(builder, task, request);
    case 'cancel':
      return executeCancel(builder, task, request);
    case 'rebalance':
      return executeRebalance(builder, task);
    case 'set-node-mode':
      return executeMode(builder, task, request);
    case 'forget-node':
      return executeForget(builder, task, request);
    case 'raise-epochs':
      return executeRaise(builder, task, request);
    default:
      throw unknownKind(request);
  }
}

/** The switch is complete for this version. A client of another version may send other kinds. */
function unknownKind(request: never): Refusal {
  return new Refusal(`this coordinator knows no such task: ${JSON.stringify(request)}`);
}

/**
 * Done once no range is in conflict, according to the reports. If some ranges cannot be raised, the task fails when the others are
 * done.
 */
function executeRaise(builder: PlanBuilder, task: TaskImage, request: Request<'raise-epochs'>): void {
  const reports = checkedReports(builder.view, request.reports);
  if (typeof reports === 'string') throw new Refusal(reports);
  const { raised, refused, waits } = planRaise(builder, reports, request.force === true);
  if (raised > 0 || waits) return;
  if (refused.length > 0) throw new Refusal(refused.join('; '));
  const outcome = 'no range is in conflict any more, by what was reported';
  builder.add({ kind: 'task', task: update(task, 'done', outcome), reason: outcome });
}
