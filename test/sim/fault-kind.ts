// What describes one kind of fault, and the usual durations.

import type { Strike } from './fault-targets.ts';

export interface FaultKind {
  readonly name: string;
  /** One of these is drawn, ms. The fault lasts between a tenth of it and all of it. */
  readonly lastsMs: readonly number[];
  readonly strike: Strike;
}

export const SHORT = [200, 1_000, 3_000];
export const LONG = [500, 3_000, 9_000];
export const NOTHING = () => {};
