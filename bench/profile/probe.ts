// What only a process itself knows of itself, as expressions for its inspector.

/** Threads of libuv's pool: each reads the name of the thread that it runs on. Threads have no names that could be told apart. */
export const POOL_THREADS = `(async () => {
  const { readlink } = require('node:fs/promises');
  const asked = Array.from({ length: 2_000 }, () => readlink('/proc/thread-self'));
  return [...new Set(await Promise.all(asked))].map((path) => Number(path.split('/').at(-1)));
})()`;

const PLACE = `globalThis[Symbol.for('rangekeeper bench profile')]`;
const RESOLUTION_MS = 10;

export const WATCH = `(() => {
  const { monitorEventLoopDelay, PerformanceObserver } = require('node:perf_hooks');
  const delays = monitorEventLoopDelay({ resolution: ${RESOLUTION_MS} });
  const pauses = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) pauses.push(duration);
  });
  observer.observe({ entryTypes: ['gc'] });
  delays.enable();
  ${PLACE} = { delays, pauses, observer };
})()`;

export interface Watched {
  readonly pauses: number;
  readonly longestPauseMs: number;
  readonly lateMs: number;
  readonly latestMs: number;
  readonly heap: number;
  readonly buffers: number;
}

/** Ends WATCH; gives {@link Watched}. The histogram counts from one turn of its timer to the next. */
export const WATCHED = `(() => {
  const { delays, pauses, observer } = ${PLACE};
  observer.disconnect();
  delays.disable();
  delete ${PLACE};
  const { heapTotal, external } = process.memoryUsage();
  const late = (nanos) => Math.max(0, nanos / 1e6 - ${RESOLUTION_MS});
  return {
    pauses: pauses.length,
    longestPauseMs: Math.max(0, ...pauses),
    lateMs: late(delays.percentile(99)),
    latestMs: late(delays.max),
    heap: heapTotal,
    buffers: external,
  };
})()`;
