// An administrator's requests. Each is a task in ZooKeeper, which the leader executes once and answers in the same znode.

import { toHex } from '../common/base/bytes.ts';
import type { Env } from '../common/base/env.ts';
import { Failure, RangekeeperError } from '../common/base/errors.ts';
import type { TaskRecord, TaskRequest } from '../common/model/records.ts';
import { type Zk, ZkError, type ZkSession } from '../common/zk/store.ts';
import { paths, taskCodec } from '../common/zk/znodes.ts';
import { rejection } from './rejection.ts';

const ID_BYTES = 16;

/**
 * Resolves with the outcome, in words. Rejects with REFUSED and the reason, with NO_CLUSTER if ZooKeeper does not answer, and with
 * OUTCOME_UNKNOWN after `deadlineMs`: the task stays in ZooKeeper, and may still be executed.
 */
export async function askLeader(zk: Zk, env: Env, request: TaskRequest, deadlineMs: number): Promise<string> {
  const { session } = zk;
  if (session === null) throw new RangekeeperError('NO_CLUSTER', 'no connection to ZooKeeper');
  const path = paths.task(toHex(env.randomBytes(ID_BYTES)));
  await createTask(session, path, { request, state: 'pending', progress: '', createdAt: env.wallNow() });
  const { state, progress } = await waitForAnswer(zk, env, path, deadlineMs);
  if (state === 'failed') throw new RangekeeperError('REFUSED', progress);
  return progress;
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

function waitForAnswer(zk: Zk, env: Env, path: string, deadlineMs: number): Promise<TaskRecord> {
  return new Promise((resolve) => {
    const timer = env.after(deadlineMs, () => {
      observer.close();
      const text = 'no coordinator has answered in time; the task stays, and may still be executed';
      resolve(rejection(new Failure('OUTCOME_UNKNOWN', text)));
    });
    const observer = zk.observeData(path, (node) => {
      const record = node === null ? null : taskCodec.decode(node.data);
      if (record?.state !== 'done' && record?.state !== 'failed') return;
      timer.cancel();
      observer.close();
      resolve(record);
    });
  });
}
