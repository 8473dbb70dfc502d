// The next states of tasks.

import { type Bytes, parseBytes } from '../../common/base/bytes.ts';
import type { TaskState } from '../../common/model/records.ts';
import type { TaskImage } from '../cluster-view.ts';
import type { TaskStep, TaskUpdate } from '../step.ts';
import type { PlanBuilder } from './plan-builder.ts';

/** The request cannot be met. The message becomes the task's progress. */
export class Refusal extends Error {}

/** Characters of the sentence that says why a task failed. */
const FAULT_MAX = 300;

/** The step that ends a task as failed. A long reason is shortened. */
export function failedTask(task: TaskImage, fault: string): TaskStep {
  const reason = fault.length > FAULT_MAX ? `${fault.slice(0, FAULT_MAX)}...` : fault;
  return { kind: 'task', task: update(task, 'failed', reason), reason };
}

export function update(task: TaskImage, state: TaskState, progress: string): TaskUpdate {
  return { task, after: { ...task.record, state, progress } };
}

/** The task is running. Its progress is written only if it says something new. */
export function note(builder: PlanBuilder, task: TaskImage, progress: string): void {
  if (task.record.state === 'running' && task.record.progress === progress) return;
  builder.add({ kind: 'task', task: update(task, 'running', progress), reason: progress });
}

/** The key in a request. Throws Refusal. @param what it is, in words */
export function keyIn(text: unknown, what: string): Bytes {
  if (typeof text !== 'string') throw new Refusal(`${what} is a text`);
  try {
    return parseBytes(text);
  } catch (error) {
    throw new Refusal(error instanceof RangeError ? error.message : String(error));
  }
}
