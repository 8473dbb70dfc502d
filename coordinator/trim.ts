// What is kept for people to read must not grow for ever: the oldest events and finished tasks go.

import type { ZkOp } from '../common/zk/store.ts';
import { inSequence, paths } from '../common/zk/znodes.ts';
import type { TaskImage } from './cluster-view.ts';
import { commitFenced, type Fence, type Outcome } from './commit.ts';
import type { LeaderConfig } from './config.ts';

/** Deletions in one multi. */
const BATCH = 100;
/** Nothing is trimmed for one or two: only once the surplus is a tenth. */
const SLACK = 1.1;

/** One batch of what is too much; null: nothing is. Rejects with a ZkError where the reading fails. */
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

/** One of them was changed by somebody, or has gone: that one must not keep the others. */
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
