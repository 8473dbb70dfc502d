// Before a contender's slot, what the others left to do in the background has to be done: compactions, checkpoints and
// collections of the slot before would be paid for by the next contender, and they are not the same for every order of
// taking turns. The rule is the same for all of them; what a contender leaves behind in its own slots is its own.

import { delay, type Env } from '../common/base/env.ts';

/** Long enough for the kernel's ticks to tell the two apart. */
const LOOK_MS = 200;
/** Of all of them together: polls, heartbeats and timers. */
const QUIET_CORES = 0.2;

/**
 * Waits until some processes do next to nothing, for some `maxMs` at most.
 * @param cpuSeconds used by them so far; null where that is not known, which ends it
 */
export async function untilQuiet(env: Env, cpuSeconds: () => number | null, maxMs: number): Promise<void> {
  const begin = env.now();
  while (env.now() - begin < maxMs) {
    const [since, before] = [env.now(), cpuSeconds()];
    await delay(env, LOOK_MS);
    const after = cpuSeconds();
    if (before === null || after === null) return;
    if (after - before <= (QUIET_CORES * (env.now() - since)) / 1_000) return;
  }
}
