// The tasks that the page lists: those under way first, then those that wait, then those that have ended; the newest first in each.
// A dry run that has ended is left out, because whoever asked for it has read its steps.

import type { TaskRecord } from '../common/model/records.ts';
import { requestText } from '../common/model/task-text.ts';
import { hasEnded, inOrder, type TaskRow } from './feed.ts';

/** How many are shown, those that have not ended before all others. */
export const TASKS_SHOWN = 100;

export interface TaskImage {
  readonly id: string;
  readonly record: TaskRecord;
}

export interface ShownTasks {
  readonly rows: readonly TaskRow[];
  /** How many there are besides. */
  readonly more: number;
}

export function shownTasks(tasks: readonly TaskImage[]): ShownTasks {
  const all = tasks.map(taskRow).filter((row) => !(row.dryRun && hasEnded(row)));
  const rows = inOrder('tasks', all);
  return { rows: rows.slice(0, TASKS_SHOWN), more: Math.max(0, rows.length - TASKS_SHOWN) };
}

function taskRow({ id, record }: TaskImage): TaskRow {
  const { request, state, progress, createdAt, dryRun } = record;
  return { id, request: requestText(request), state, progress, createdAt, dryRun: dryRun === true };
}
