// Retries an operation that may be repeated through failovers, with growing pauses, as long as its error may go away with time. An
// import may even repeat a put whose outcome is unknown, because it writes the same value.

import { backoffMs, jittered } from '../../common/base/backoff.ts';
import { delay, type Env } from '../../common/base/env.ts';
import { type ErrorCode, RangekeeperError } from '../../common/base/errors.ts';
import { Interrupted } from '../failures.ts';

const RETRIED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'OUTCOME_UNKNOWN',
  'NO_OWNER',
  'READ_ONLY',
  'OVERLOADED',
  'NOT_READY',
  'UNREACHABLE',
  'DEADLINE',
]);

const PAUSES = { minMs: 50, maxMs: 1_000 };

export interface RetryPolicy {
  readonly env: Env;
  /** Ends the retries. It does not end an attempt, whose caller must listen to it. */
  readonly signal: AbortSignal;
  /** How long after the first failure the last attempt may begin, ms. */
  readonly retryMsMax: number;
  onRetry(error: RangekeeperError): void;
}

/** The result of the first attempt that succeeds. @throws the last error, once it is final or `retryMsMax` is over. */
export async function withRetries<T>(policy: RetryPolicy, attempt: () => Promise<T>): Promise<T> {
  const { env, signal } = policy;
  let failedSince: number | null = null;
  for (let pauses = 0; ; pauses++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof RangekeeperError) || !RETRIED.has(error.code)) throw error;
      const now = env.now();
      failedSince ??= now;
      if (now - failedSince > policy.retryMsMax) throw error;
      policy.onRetry(error);
    }
    await delay(env, jittered(backoffMs(PAUSES, pauses), env));
    if (signal.aborted) throw new Interrupted();
  }
}
