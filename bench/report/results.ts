// All that one run has to tell: plain data, as it is written to JSON; the table and the page are made of it.

import type { Row, Verdict } from '../compare.ts';
import type { Calm, Machine } from '../machine.ts';

export interface Report {
  readonly scale: string;
  readonly startedAt: string;
  readonly minutes: number;
  readonly machine: Machine;
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
  readonly calm: readonly Calm[];
}

/** Acknowledged writes that were looked for again, and what was not there. */
export function verifiedIn(rows: readonly Row[]): { readonly checked: number; readonly lost: number } {
  let checked = 0;
  let lost = 0;
  for (const { verified } of rows) {
    checked += verified?.checked ?? 0;
    lost += verified?.lost ?? 0;
  }
  return { checked, lost };
}
