// One kind of fault, and how long faults last.

import type { Strike } from './fault-targets.ts';

export interface FaultKind {
  readonly name: string;
  /** One of these is drawn, and of that a tenth to the whole. */
  readonly lastsMs: readonly number[];
  readonly strike: Strike;
}

export const SHORT = [200, 1_000, 3_000];
export const LONG = [500, 3_000, 9_000];
export const NOTHING = () => {};
