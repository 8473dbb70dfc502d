// Ends calls that are not made of requests to nodes: those that read ZooKeeper, or wait for the leader.

import type { Env } from '../common/base/env.ts';
import { Failure } from '../common/base/errors.ts';
import { ABORTED, throwIfAborted } from './aborts.ts';
import { rejection } from './rejection.ts';

/**
 * The result of `work`. Rejects as soon as the signal aborts; `work` may still be under way then, and its outcome is ignored.
 * @param code OUTCOME_UNKNOWN if `work` may have had an effect, or may still have one
 */
export async function untilAborted<T>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  code: 'ABORTED' | 'OUTCOME_UNKNOWN' = 'ABORTED',
): Promise<T> {
  if (signal === undefined) return work();
  throwIfAborted(signal);
  let stop = () => {};
  const aborted = new Promise<never>((resolve) => {
    stop = () => resolve(rejection(new Failure(code, ABORTED, {}, signal.reason)));
  });
  signal.addEventListener('abort', stop);
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Whether `promise` resolves within `ms`, and before the signal aborts. */
export function within(env: Env, ms: number, promise: Promise<void>, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (inTime: boolean) => {
      timer.cancel();
      signal?.removeEventListener('abort', stop);
      resolve(inTime);
    };
    const stop = () => end(false);
    const timer = env.after(ms, stop);
    signal?.addEventListener('abort', stop);
    void promise.then(() => end(true));
  });
}
