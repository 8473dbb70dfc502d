// What happens before a slot counts, by the same rules for every contender.

import { delay, type Env } from '../common/base/env.ts';
import type { Contender } from './contenders/contender.ts';
import type { SlotSpec } from './load/slot.ts';
import type { Rig } from './rig.ts';

/** Ends the warm-up: the number of slots that brought no higher rate. */
const STEADY_SLOTS = 4;
/** A rate that is higher by less than this share is noise. */
const RISE = 0.05;
/** A contender whose rate still rises after these is measured as it is. */
const SLOTS_MAX = 40;

/**
 * Loads a contender until its rate rises no more: compiled code, caches and pools take seconds to become what they stay, those
 * of a just-in-time compiler most of all. A process that was warmed up for the same mix before gets one slot.
 */
export async function warmUp(rig: Rig, contender: Contender, spec: SlotSpec): Promise<void> {
  const slot = { ...spec, warmUpMs: 0, ms: 2 * spec.warmUpMs };
  const processes = [...contender.serverPids(), ...contender.clientPids()];
  const known = JSON.stringify([processes, spec.mix, spec.valueBytes]);
  const rates: number[] = [];
  do {
    const { done, seconds } = await contender.run(slot);
    rates.push(done / seconds);
  } while (!rig.warm.has(known) && !isSteady(rates) && rates.length < SLOTS_MAX);
  rig.warm.add(known);
}

/** Whether the newest rates are no higher than those before them. */
export function isSteady(rates: readonly number[]): boolean {
  if (rates.length <= STEADY_SLOTS) return false;
  return Math.max(...rates.slice(-STEADY_SLOTS)) <= (1 + RISE) * Math.max(...rates.slice(0, -STEADY_SLOTS));
}

/** Long enough for the kernel's ticks to show the difference. */
const SAMPLE_MS = 200;
/** What polls, heartbeats and timers of all the processes together may use, cores. */
const IDLE_CORES = 0.2;

/**
 * Waits until the processes of the other contenders do next to nothing, at most `maxMs`: compactions, checkpoints and
 * collections of the slot before would be paid for by the next contender.
 * @param cpuSeconds that they have used so far; null where that is not known, which ends the wait
 */
export async function untilIdle(env: Env, cpuSeconds: () => number | null, maxMs: number): Promise<void> {
  const begin = env.now();
  while (env.now() - begin < maxMs) {
    const [since, before] = [env.now(), cpuSeconds()];
    await delay(env, SAMPLE_MS);
    const after = cpuSeconds();
    if (before === null || after === null) return;
    if (after - before <= (IDLE_CORES * (env.now() - since)) / 1_000) return;
  }
}
