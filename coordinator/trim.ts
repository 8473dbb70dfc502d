// Deletes the oldest events and finished tasks. They are kept for people to read, and must not grow without bound.

import type { ZkOp } from '../common/zk/store.ts';
import { inSequence, paths } from '../common/zk/znodes.ts';
import type { TaskImage } from './cluster-view.ts';
import { commitFenced, type Fence, type Outcome } from './commit.ts';
import type { LeaderConfig } from './config.ts';

/** Deletions in one multi, at most. */
const BATCH = 100;
/** Trimming starts when a tenth too many are there, rather than at each new one. */
const SLACK = 1.1;

/** Deletes one batch; null: there was nothing to delete. Rejects with a ZkError if a read fails. */
export async function trim(
  fence: Fence,
  finishedTasks: readonly TaskImage[],
  { eventsKept, tasksKept }: Pick<LeaderConfig, 'eventsKept' | 'tasksKept'>,
): Promise<Outcome | null> {
  const events = (await fence.session.children(paths.events)) ?? [];
  const oldest = inSequence(events);
  // An event is written once, so its version is 0.
  const ops: readonly Deletion[] = [
    ...surplus(oldest, eventsKept).map((name) => deletion(paths.event(name), 0)),
    ...surplus(finishedTasks, tasksKept).map((task) => deletion(paths.task(task.id), task.version)),
  ];
  if (ops.length === 0) return null;
  const outcomes = await commitFenced(
    fence,
    ops.map((op) => [op]),
  );
  const refused = ops.filter((_, index) => outcomes[index]?.kind === 'refused');
  return refused.length > 0 ? oneByOne(fence, refused) : (outcomes[0] ?? null);
}

/** Somebody changed or deleted some of them. That must not hinder the deletion of the others. */
async function oneByOne(fence: Fence, ops: readonly Deletion[]): Promise<Outcome> {
  let outcome: Outcome = { kind: 'done' };
  for (const { path } of ops) {
    const node = await fence.session.get(path);
    if (node === null) continue;
    const [again] = await commitFenced(fence, [[deletion(path, node.version)]]);
    outcome = again ?? outcome;
    if (outcome.kind !== 'done' && outcome.kind !== 'refused') break;
  }
  return outcome;
}

type Deletion = Extract<ZkOp, { kind: 'delete' }>;

function surplus<T>(oldestFirst: readonly T[], kept: number): readonly T[] {
  if (oldestFirst.length <= kept * SLACK) return [];
  return oldestFirst.slice(0, Math.min(oldestFirst.length - kept, BATCH));
}

function deletion(path: string, version: number): Deletion {
  return { kind: 'delete', path, version };
}
