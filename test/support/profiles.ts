// Profiles of slots as tests need them: plain figures, the rest of no matter.

import type { Part, ProcessProfile, Profile } from '../../bench/profile/profile.ts';

/** Half of what the main thread runs is JavaScript, and half of that one function. */
export function processProfile({
  name = 'n1',
  running,
  waiting,
}: {
  readonly name?: string;
  readonly running: number;
  readonly waiting: number;
}): ProcessProfile {
  const javascript = running / 2;
  return {
    ...{ name, owned: 1, cores: running, threads: [] },
    main: {
      ...{ javascript, garbage: 0, native: running / 2, system: 0 },
      ...{ waiting, sleeping: 1 - running - waiting },
    },
    groups: [{ name: 'kvnode', cores: javascript }],
    hottest: [{ name: 'turn', where: 'kvnode/node.ts:1', cores: javascript / 2 }],
    work: {
      ...{ sleeps: 10, reads: 1, writes: 1, readBytes: 10, writtenBytes: 10, fileBytes: 0 },
      ...{ pauses: 1, longestPauseMs: 1, lateMs: 1, latestMs: 2 },
      counters: { log_entries: 100_000, log_syncs: 2_000 },
    },
    memory: { files: 1, own: 1, heap: 1, buffers: 1, caches: { 'row cache': 5 * 2 ** 20 } },
  };
}

/** A second, 100,000 operations, two cores. */
export function slotProfile({
  processes,
  idle,
  others = [],
}: {
  readonly processes: readonly ProcessProfile[];
  readonly idle: number;
  readonly others?: readonly Part[];
}): Profile {
  return {
    ...{ subject: 'Rangekeeper', seconds: 1, operations: 100_000, median: 0.5, processes },
    machine: { cores: 2, idle, interrupts: 0, stolen: 0, helpers: [], kernel: [], others },
  };
}
