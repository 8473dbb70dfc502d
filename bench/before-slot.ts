// Before anything counts, every contender gets the time that it needs: compiled code, caches and pools take seconds to
// become what they stay, a just-in-time compiler's most of all. The rule is the same for all of them. Who is at its best
// from the start loses a second by it; who was warmed up for the same work before is not again.

import type { Contender } from './contenders/contender.ts';
import type { SlotSpec } from './load/slot.ts';
import type { Rig } from './rig.ts';

/** So many slots without a rate above the best before them end it. */
const STEADY_SLOTS = 4;
/** A rate above the best by less than this share is no rise, but noise. */
const RISE = 0.05;
/** What still rises then is measured as it is. */
const SLOTS_MAX = 40;

export async function warmUp(rig: Rig, contender: Contender, spec: SlotSpec): Promise<void> {
  const slot = { ...spec, warmUpMs: 0, ms: 2 * spec.warmUpMs };
  const processes = [...contender.serverPids(), ...contender.clientPids()];
  const work = JSON.stringify([processes, spec.mix, spec.valueBytes]);
  const rates: number[] = [];
  do {
    const { done, seconds } = await contender.run(slot);
    rates.push(done / seconds);
  } while (!rig.warm.has(work) && !isSteady(rates) && rates.length < SLOTS_MAX);
  rig.warm.add(work);
}

/** Whether the newest rates are no higher than those before them. */
export function isSteady(rates: readonly number[]): boolean {
  if (rates.length <= STEADY_SLOTS) return false;
  return Math.max(...rates.slice(-STEADY_SLOTS)) <= (1 + RISE) * Math.max(...rates.slice(0, -STEADY_SLOTS));
}
