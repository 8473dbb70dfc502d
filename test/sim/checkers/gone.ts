// Checker 8: a namespace that was dropped answers nobody. Whatever begins after its last znode was deleted ends with an error that says
// that nothing was applied.

import type { Operation, Violation } from '../history.ts';
import { describe } from './effects.ts';

const CHECKER = 'dropped namespace';

/** @param goneAt when the last znode of the namespace was deleted, ms on the clock of the history; null: it was not dropped */
export function checkGone(operations: readonly Operation[], goneAt: number | null): readonly Violation[] {
  if (goneAt === null) return [];
  return operations
    .filter(
      ({ invokedAt, outcome }) =>
        invokedAt > goneAt && outcome.kind !== 'failed' && outcome.kind !== 'unknown',
    )
    .map((operation) => ({
      checker: CHECKER,
      text: `answered after the namespace was gone:\n  ${describe(operation)}`,
      operations: [operation.id],
    }));
}
