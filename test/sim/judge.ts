// All checkers of what clients saw, at the end of a run: for the namespace that all clients use, and for each that was dropped.

import { checkDurability, type FinalRow } from './checkers/durability.ts';
import { checkGone } from './checkers/gone.ts';
import { checkLinearizability } from './checkers/linearizability.ts';
import { checkStaleReads } from './checkers/stale-reads.ts';
import { checkVersions } from './checkers/versions.ts';
import type { Operation, Violation } from './history.ts';
import type { Cluster } from './sim-cluster.ts';

/** @param rows what a client read at the end; null: a violation was found before */
export function judge({ world, history, guests }: Cluster, rows: readonly FinalRow[] | null): void {
  const ofClients = (operations: readonly Operation[]): readonly Violation[] => [
    ...checkVersions(operations),
    ...checkLinearizability(operations),
    ...checkStaleReads(operations, { clockDrift: 3 * world.clockDrift, slackMs: 1 }),
  ];
  const { operations } = history;
  const found = [
    ...ofClients(operations),
    ...(rows === null ? [] : checkDurability(operations, rows)),
    ...guests.flatMap((guest) => [
      ...ofClients(guest.history.operations),
      ...checkGone(guest.history.operations, guest.goneAt),
    ]),
  ];
  for (const { checker, text } of found) world.violation(checker, text);
}
