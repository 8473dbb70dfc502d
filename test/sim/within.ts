// Waits for what must become true within a bound of virtual time.

import type { Cluster } from './sim-cluster.ts';

export const STEP_MS = 100;

/**
 * Waits until `holds` returns null, which says that `what` is true. Returns false, and reports a violation, if that takes longer
 * than `ms`.
 * @param holds null, or why it is not true yet
 */
export async function within(
  { world }: Cluster,
  ms: number,
  what: string,
  holds: () => string | null,
): Promise<boolean> {
  const end = world.clock.now + ms;
  let why: string | null = 'not checked';
  while (world.violations.length === 0) {
    why = holds();
    if (why === null) return true;
    if (world.clock.now >= end) break;
    const next = world.clock.now + STEP_MS;
    await world.clock.run(() => world.clock.now >= next);
  }
  if (world.violations.length === 0) world.violation('liveness', `${what} within ${ms} ms: ${why}`);
  return false;
}
