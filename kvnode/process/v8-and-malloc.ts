// Every setting of V8 and of glibc's malloc that a node runs with. The guardian passes the heap's limits and malloc's environment
// to the process that it starts (guardian/main.ts); that process sets the rest itself (kvnode/main.ts).

import { setFlagsFromString } from 'node:v8';
import { assert } from '../../common/base/assert.ts';

const MIB = 1024 * 1024;
/** V8's young generation has two halves that objects are copied between, and as much again for what was just copied. */
const SEMI_SPACES = 3;
const SEMI_SPACE_MIB_MAX = 16;
/**
 * V8 marks nothing of the old generation below this size. A node's heap is small, and V8 would let a small heap grow by only a
 * few megabytes, buffers outside it included, before it marks all of it again. With large values that takes much of a
 * node's time.
 */
const INITIAL_OLD_SPACE_MIB = 64;

export interface HeapLimits {
  /** V8's flag --max-old-space-size. */
  readonly maxOldSpaceMib: number;
  /** V8's flag --max-semi-space-size. */
  readonly maxSemiSpaceMib: number;
}

export interface HeapSettings {
  /** Null: V8 chooses the limits. */
  readonly heap: HeapLimits | null;
  /** V8's flag --initial-old-space-size. */
  readonly initialOldSpaceMib: number;
}

/** @param bytes what V8's heap may use in all; null: V8 chooses the limits */
export function heapSettings(bytes: number | null): HeapSettings {
  if (bytes === null) return { heap: null, initialOldSpaceMib: INITIAL_OLD_SPACE_MIB };
  const mib = Math.floor(bytes / MIB);
  const maxSemiSpaceMib = Math.max(2, Math.min(SEMI_SPACE_MIB_MAX, 2 ** Math.floor(Math.log2(mib / 16))));
  const maxOldSpaceMib = mib - SEMI_SPACES * maxSemiSpaceMib;
  const initialOldSpaceMib = Math.floor(mib / 4);
  assert(initialOldSpaceMib < maxOldSpaceMib, 'the heap is collected before it is full');
  return { heap: { maxSemiSpaceMib, maxOldSpaceMib }, initialOldSpaceMib };
}

/** Options of `node` for the node process. */
export function heapFlags({ heap, initialOldSpaceMib }: HeapSettings): string[] {
  const flags = [`--initial-old-space-size=${initialOldSpaceMib}`];
  if (heap === null) return flags;
  const { maxOldSpaceMib, maxSemiSpaceMib } = heap;
  return [...flags, `--max-old-space-size=${maxOldSpaceMib}`, `--max-semi-space-size=${maxSemiSpaceMib}`];
}

/**
 * Environment variables for the node process. By default glibc gives each thread an allocation arena of its own, and most of that
 * memory stays unused. One arena is enough for a process with one busy thread. A value that the user has set is kept.
 */
export function mallocEnvironment(): Readonly<Record<string, string>> {
  return { MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? '1' };
}

/**
 * To be called first in the node process. The main thread then collects the young generation alone. Otherwise it waits for helper
 * threads, and on a machine whose cores are all busy these get a core late, which makes long pauses.
 */
export function collectOnMainThread(): void {
  setFlagsFromString('--no-parallel-scavenge');
}
