// Going on through a failover: an operation that may be repeated is tried again, with growing pauses, as long as its
// error says that time may help. An import may repeat a put whose outcome is unknown, because it writes the same value.

import { backoffMs, jittered } from '../../common/base/backoff.ts';
import { delay, type Env } from '../../common/base/env.ts';
import { type ErrorCode, RangekeeperError } from '../../common/base/errors.ts';
import { Interrupted } from '../failures.ts';

const WORTH_WAITING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'OUTCOME_UNKNOWN',
  'NO_OWNER',
  'READ_ONLY',
  'OVERLOADED',
  'NOT_READY',
  'UNREACHABLE',
  'DEADLINE',
]);

const PAUSES = { minMs: 50, maxMs: 1_000 };

export interface Patience {
  readonly env: Env;
  /** Ends the trying; who waits for an answer listens to it by itself. */
  readonly signal: AbortSignal;
  /** How long after the first failure the last try may begin. */
  readonly patienceMs: number;
  onRetry(error: RangekeeperError): void;
}

/** The first answer of `attempt`. @throws its last error, once that is final or patience is at its end. */
export async function patiently<T>(patience: Patience, attempt: () => Promise<T>): Promise<T> {
  const { env, signal } = patience;
  let failedSince: number | null = null;
  for (let pauses = 0; ; pauses++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof RangekeeperError) || !WORTH_WAITING.has(error.code)) throw error;
      const now = env.now();
      failedSince ??= now;
      if (now - failedSince > patience.patienceMs) throw error;
      patience.onRetry(error);
    }
    await delay(env, jittered(backoffMs(PAUSES, pauses), env));
    if (signal.aborted) throw new Interrupted();
  }
}
