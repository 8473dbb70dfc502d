// A scan whose options are checked, and whose bounds do not depend on the caller's bytes any more.

import type { KeyRange } from '../common/model/key-range.ts';
import type { ScanOptions } from './api.ts';
import { boundsOf, flagOf, readModeOf, valueBytesMaxOf } from './arguments.ts';
import type { CallLimits } from './call.ts';
import type { ScanPlan } from './scanner.ts';

export interface CheckedScan {
  readonly plan: ScanPlan;
  readonly bounds: KeyRange;
  /** The time that each page or piece may take, ms. */
  readonly deadlineMs: number;
}

/** Throws INVALID_ARGUMENT. */
export function checkScan(
  options: ScanOptions,
  { deadlineMs, signal }: CallLimits,
  fallbackMs: number,
  countOnly: boolean,
): CheckedScan {
  const reverse = flagOf('reverse', options.reverse);
  const keysOnly = flagOf('keysOnly', options.keysOnly) || countOnly;
  const mode = readModeOf(options.read);
  return {
    plan: { reverse, keysOnly, countOnly, valueBytesMax: valueBytesMaxOf(options), mode, fallbackMs, signal },
    bounds: boundsOf(options),
    deadlineMs,
  };
}
