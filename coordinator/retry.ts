// Retries of an operation that ZooKeeper did not answer, while the session lives. Only for what may safely be done twice.

import { delay, type Env } from '../common/base/env.ts';
import { ZkError, type ZkSession } from '../common/zk/store.ts';

export function isUnanswered(error: unknown): error is ZkError {
  return error instanceof ZkError && error.kind === 'unanswered';
}

/** The session has ended, and with it everything that depends on it. */
export function isEnded(error: unknown): boolean {
  return error instanceof ZkError && error.kind === 'ended';
}

/** Runs `attempt` until it is answered. Rejects with its other errors, or with ZkError `ended` once the session has ended. */
export async function retryUnanswered<T>(
  session: ZkSession,
  env: Env,
  retryMs: number,
  attempt: () => Promise<T>,
): Promise<T> {
  while (!session.ended) {
    try {
      return await attempt();
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      await delay(env, retryMs);
    }
  }
  throw new ZkError('ended', '/');
}
