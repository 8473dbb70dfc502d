// What a namespace says about its ranges.

import type { PlanBuilder } from '../plan-builder.ts';
import { EACH_KEY, type UnitOf } from './cuts.ts';

/** A range with more bytes is split. */
export function splitBytesOf({ config }: PlanBuilder, _namespace: string): number {
  return config.splitBytes;
}

export function unitOf(_builder: PlanBuilder, _namespace: string): UnitOf {
  return EACH_KEY;
}
