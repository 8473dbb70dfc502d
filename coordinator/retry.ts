// Trying again where ZooKeeper did not answer, for as long as the session lives. Only for what may safely be done twice.

import { delay, type Env } from '../common/base/env.ts';
import { ZkError, type ZkSession } from '../common/zk/store.ts';

export function isUnanswered(error: unknown): error is ZkError {
  return error instanceof ZkError && error.kind === 'unanswered';
}

/** The session is over; whatever depended on it is too. */
export function isEnded(error: unknown): boolean {
  return error instanceof ZkError && error.kind === 'ended';
}

/** Runs `attempt` until it is answered; rejects with its refusal, or with `ended` once the session is over. */
export async function persist<T>(
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
