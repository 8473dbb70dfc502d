// What a profile says that more could not be done for: a thread, the cores, or waiting. Pure.

import type { Profile } from './profile.ts';

export type Limit =
  /** These processes' main threads had work all the time, and a core for it. */
  | { readonly kind: 'thread'; readonly names: readonly string[] }
  /** These had work all the time, but no core; nobody: no core was free. */
  | { readonly kind: 'cores'; readonly names: readonly string[] }
  /** Nothing was: what is measured waits, for syncs, for messages, or for load to arrive. */
  | { readonly kind: 'waiting'; readonly idle: number };

/** A thread that sleeps less than this share has always something to do. */
const SLEEPLESS = 0.06;
/** A thread without a core for this share of the time would do more if it had one. */
const CROWDED = 0.12;
/** Of all cores. */
const IDLE_MIN = 0.06;

export function limitOf({ processes, machine }: Profile): Limit {
  const sleepless = processes.filter(({ main }) => main.sleeping < SLEEPLESS);
  const crowded = sleepless.filter(({ main }) => main.waiting >= CROWDED);
  if (crowded.length > 0) return { kind: 'cores', names: crowded.map(({ name }) => name) };
  if (sleepless.length > 0) return { kind: 'thread', names: sleepless.map(({ name }) => name) };
  if (machine.idle < IDLE_MIN * machine.cores) return { kind: 'cores', names: [] };
  return { kind: 'waiting', idle: machine.idle };
}
