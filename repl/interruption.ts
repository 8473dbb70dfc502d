// Ends a wait when Ctrl-C is pressed or a signal asks the process to stop.

import { Interrupted } from './failures.ts';

/** The result of `work`. Rejects with Interrupted if the signal comes first; `work` then goes on, and its result is ignored. */
export function interruptible<T>(signal: AbortSignal, work: Promise<T>, message?: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Interrupted(message));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

export async function* interruptibleRows<T>(
  signal: AbortSignal,
  rows: AsyncIterable<T>,
): AsyncIterableIterator<T> {
  const iterator = rows[Symbol.asyncIterator]();
  let ended = false;
  try {
    while (true) {
      const next = await interruptible(signal, iterator.next());
      ended = next.done === true;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: after an interruption the iterator may wait for an answer that never comes.
    if (!ended) void iterator.return?.().catch(() => {});
  }
}
