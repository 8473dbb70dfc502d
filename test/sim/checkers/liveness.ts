// Checker 7: once the faults are over, every range takes writes again within a bound, and from then on no operation fails.

import type { Operation, Violation } from '../history.ts';
import { describe } from './effects.ts';

const CHECKER = 'liveness';

export interface Heal {
  /** When the last fault ended, ms on the clock of the history. */
  readonly at: number;
  readonly boundMs: number;
  /** The ranges that must take writes. */
  readonly ranges: readonly number[];
}

/** Clients must write to each range until the bound and for a while after it. */
export function checkLiveness(operations: readonly Operation[], heal: Heal): readonly Violation[] {
  const until = heal.at + heal.boundMs;
  const first = new Map<number, number>();
  for (const { outcome, returnedAt, invokedAt } of operations) {
    if (outcome.kind !== 'written' || invokedAt < heal.at) continue;
    first.set(outcome.range, Math.min(first.get(outcome.range) ?? Infinity, returnedAt));
  }
  const late = heal.ranges.flatMap((range): Violation[] => {
    const at = first.get(range);
    if (at !== undefined && at <= until) return [];
    const when = at === undefined ? 'not at all' : `only after ${(at - heal.at).toFixed(0)} ms`;
    return [
      {
        checker: CHECKER,
        text: `range ${range} took writes ${when}; it should within ${heal.boundMs} ms after heal`,
        operations: [],
      },
    ];
  });
  const failed = operations
    .filter(({ invokedAt, outcome }) => invokedAt > until && isFailure(outcome.kind))
    .map((operation) => ({
      checker: CHECKER,
      text: `failed although all was healed:\n  ${describe(operation)}`,
      operations: [operation.id],
    }));
  return [...late, ...failed];
}

function isFailure(kind: Operation['outcome']['kind']): boolean {
  return kind === 'failed' || kind === 'unknown';
}
