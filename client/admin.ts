// An administrator's requests. Each is a task in ZooKeeper, which the leader executes once and answers in the same znode.

import { toHex } from '../common/base/bytes.ts';
import type { Env } from '../common/base/env.ts';
import { Failure, RangekeeperError } from '../common/base/errors.ts';
import type { TaskRecord, TaskRequest } from '../common/model/records.ts';
import { type Zk, ZkError, type ZkSession } from '../common/zk/store.ts';
import { paths, taskCodec } from '../common/zk/znodes.ts';
import { ABORTED, throwIfAborted } from './aborts.ts';
import type { Task } from './admin-api.ts';
import type { CallLimits } from './call.ts';
import { rejection } from './rejection.ts';

const ID_BYTES = 16;

export interface TaskContext {
  readonly zk: Zk;
  readonly env: Env;
  /** Aborted when the client closes. Absent: whoever asks waits only until the deadline. */
  readonly closing?: AbortSignal;
}

export interface TaskWait {
  readonly dryRun: boolean;
  /** `ended`: for as long as it takes, once it has begun. `answered`: until it has ended, and no longer than the deadline. */
  readonly until: 'written' | 'begun' | 'ended' | 'answered';
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((task: Task) => void) | undefined;
}

/**
 * Resolves with the outcome, in words. Rejects with REFUSED and the reason, with NO_CLUSTER if ZooKeeper does not answer, and with
 * OUTCOME_UNKNOWN after `deadlineMs`: the task stays in ZooKeeper, and may still be executed.
 */
export async function askLeader(zk: Zk, env: Env, request: TaskRequest, limits: CallLimits): Promise<string> {
  const wait = { dryRun: false, ...limits, onProgress: undefined };
  return (await runTask({ zk, env }, request, { ...wait, until: 'answered' })).progress;
}

/** As {@link askLeader}, with the task as it is when the wait ends. */
export async function runTask(context: TaskContext, request: TaskRequest, wait: TaskWait): Promise<Task> {
  const { zk, env } = context;
  throwIfAborted(wait.signal);
  const { session } = zk;
  if (session === null) throw new RangekeeperError('NO_CLUSTER', 'no connection to ZooKeeper');
  const id = toHex(env.randomBytes(ID_BYTES));
  const dryRun = wait.dryRun ? { dryRun: true } : {};
  const written = { request, state: 'pending', progress: '', createdAt: env.wallNow(), ...dryRun } as const;
  await createTask(session, paths.task(id), written);
  if (wait.until === 'written') return taskOf(id, written);
  const task = taskOf(id, await follow(context, id, wait));
  if (task.state === 'failed') throw new RangekeeperError('REFUSED', task.progress);
  return task;
}

export function taskOf(id: string, { state, progress, steps }: TaskRecord): Task {
  return { id, state, progress, steps: steps ?? [] };
}

async function createTask(session: ZkSession, path: string, record: TaskRecord): Promise<void> {
  try {
    await session.create(path, taskCodec.encode(record), 'persistent');
  } catch (error) {
    if (!(error instanceof ZkError)) throw error;
    // The task may have been created. If it was, the leader answers it; if not, waiting for the answer ends at the deadline.
    if (error.maybeApplied) return;
    throw new RangekeeperError('NO_CLUSTER', `ZooKeeper did not take the task: ${error.message}`);
  }
}

/** The record at the end of the wait. */
function follow(
  { zk, env, closing }: TaskContext,
  id: string,
  { until, deadlineMs, signal, onProgress }: TaskWait,
): Promise<TaskRecord> {
  return new Promise((resolve) => {
    const end = (outcome: TaskRecord | Promise<never>) => {
      timer.cancel();
      observer.close();
      signal?.removeEventListener('abort', abort);
      closing?.removeEventListener('abort', close);
      resolve(outcome);
    };
    const unknown = (text: string, cause?: unknown) =>
      end(rejection(new Failure('OUTCOME_UNKNOWN', text, {}, cause)));
    const abort = () => unknown(`${ABORTED}; the task goes on`, signal?.reason);
    const close = () => unknown('the client is closed; the task goes on');
    signal?.addEventListener('abort', abort);
    closing?.addEventListener('abort', close);
    const timer = env.after(deadlineMs, () =>
      unknown('no coordinator has answered in time; the task stays, and may still be executed'),
    );
    let isThere = false;
    const observer = zk.observeData(paths.task(id), (node) => {
      if (node === null) return isThere ? unknown('the record of the task is gone') : undefined;
      isThere = true;
      const record = taskCodec.decode(node.data);
      if (record.state === 'pending') return;
      onProgress?.(taskOf(id, record));
      if (record.state !== 'running' || until === 'begun') end(record);
      else if (until === 'ended') timer.cancel();
    });
    // They may have aborted while the task was written.
    if (closing?.aborted === true) close();
    else if (signal?.aborted === true) abort();
  });
}
