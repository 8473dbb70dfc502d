// Ends calls that are not made of requests to nodes: those that read ZooKeeper, or wait for the leader.

import type { Env } from '../common/base/env.ts';
import { Failure } from '../common/base/errors.ts';
import { ABORTED, throwIfAborted } from './aborts.ts';
import { rejection } from './rejection.ts';

/** What may end a call before its work is done. */
export interface Ending {
  readonly signal: AbortSignal;
  /** How the call ends then. */
  failure(): Failure;
}

/**
 * The result of `work`. Rejects as soon as the signal aborts; `work` may still be under way then, and its outcome is ignored.
 */
export async function untilAborted<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  if (signal === undefined) return work();
  throwIfAborted(signal);
  return untilEnded([endingOf(signal, 'ABORTED')], work);
}

/** @param code OUTCOME_UNKNOWN if the work may have had an effect, or may still have one */
export function endingOf(signal: AbortSignal, code: 'ABORTED' | 'OUTCOME_UNKNOWN'): Ending {
  return { signal, failure: () => new Failure(code, ABORTED, {}, signal.reason) };
}

/** As {@link untilAborted}, with several endings. `work` gets a signal that aborts with the first of them, and should stop waiting. */
export async function untilEnded<T>(
  endings: readonly Ending[],
  work: (ended: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const listeners: (() => void)[] = [];
  const early = new Promise<never>((resolve) => {
    for (const { signal, failure } of endings) {
      const stop = () => {
        resolve(rejection(failure()));
        ended.abort(signal.reason);
      };
      signal.addEventListener('abort', stop);
      listeners.push(() => signal.removeEventListener('abort', stop));
    }
  });
  try {
    return await Promise.race([work(ended.signal), early]);
  } finally {
    for (const stopListening of listeners) stopListening();
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
