// What happens before and after a slot is measured, with the same rules for every contender.

import { delay, type Env } from '../common/base/env.ts';
import type { Contender } from './contenders/contender.ts';
import type { SlotSpec } from './load/slot.ts';
import type { Rig } from './rig.ts';

/** The warm-up ends after this number of slots without a higher rate. */
const STEADY_SLOTS = 4;
/** A rate must be higher by more than this share, otherwise the difference is noise. */
const RISE = 0.05;
/** The maximum number of slots: a contender is measured even if its rate still rises. */
const SLOTS_MAX = 40;

/**
 * Loads a contender until its rate no longer rises: compilation, caches and pools need seconds to reach a steady state, above all
 * with a just-in-time compiler. A process that was warmed up for the same mix before gets one slot.
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

/** Whether the newest rates are not higher than those before them. */
export function isSteady(rates: readonly number[]): boolean {
  if (rates.length <= STEADY_SLOTS) return false;
  return Math.max(...rates.slice(-STEADY_SLOTS)) <= (1 + RISE) * Math.max(...rates.slice(0, -STEADY_SLOTS));
}

/** Long enough for the kernel's ticks to show the difference. */
const SAMPLE_MS = 200;
/** CPU that polls, heartbeats and timers of all the processes together may use, cores. */
const IDLE_CORES = 0.2;

/**
 * Waits until the processes of the other contenders are almost idle, at most `maxMs`. Otherwise compactions, checkpoints and garbage
 * collections of the last slot would slow down the next contender.
 * @param cpuSeconds returns the CPU seconds that they have used so far; null: unknown, which ends the wait
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

/** What servers put off is done after so long at the latest, ms; what is not done then is charged to nobody. */
const LEFT_MS_MAX = 60_000;
const IDLE_SAMPLE_MS = 1_000;

/**
 * The CPU seconds that servers need after the last answer of a slot for what they have put off, beyond what they use while idle. It is
 * the contender's, although no caller waits for it: in a load that goes on it takes the processors from the next operations. Null: the
 * kernel does not report it.
 * @param settled see Contender
 */
export async function leftOver(
  env: Env,
  cpuSeconds: () => number | null,
  settled: () => Promise<void>,
): Promise<number | null> {
  const [begin, before] = [env.now(), cpuSeconds()];
  await settled();
  await untilIdle(env, cpuSeconds, LEFT_MS_MAX);
  const [at, used] = [env.now(), cpuSeconds()];
  await delay(env, IDLE_SAMPLE_MS);
  const idle = cpuSeconds();
  if (before === null || used === null || idle === null) return null;
  const idleCores = (idle - used) / IDLE_SAMPLE_MS;
  return Math.max(0, used - before - idleCores * (at - begin));
}
