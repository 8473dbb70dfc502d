// What a namespace says about its ranges.

import { type Bytes, prefixEnd } from '../../../common/base/bytes.ts';
import type { PlanBuilder } from '../plan-builder.ts';
import { EACH_KEY, type UnitOf } from './cuts.ts';

/** A range with more bytes is split. */
export function splitBytesOf({ config, view }: PlanBuilder, namespace: string): number {
  return view.namespaces.get(namespace)?.record.splitBytes ?? config.splitBytes;
}

/** Keys that are equal through the first delimiter are one unit. A key without it is its own. */
export function unitOf({ view }: PlanBuilder, namespace: string): UnitOf {
  const delimiter = view.namespaces.get(namespace)?.record.unit;
  if (delimiter === undefined) return EACH_KEY;
  return (key) => {
    const at = Buffer.from(key).indexOf(delimiter);
    if (at < 0) return EACH_KEY(key);
    const start: Bytes = key.slice(0, at + delimiter.length);
    return { start, end: prefixEnd(start) };
  };
}
