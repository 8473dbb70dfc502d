// What a namespace says about its ranges.

import { type Bytes, prefixEnd } from '../../../common/base/bytes.ts';
import type { PlanBuilder } from '../plan-builder.ts';
import { EACH_KEY, type UnitOf } from './cuts.ts';

/** A range with more bytes is split. */
export function splitBytesOf({ view, config }: PlanBuilder, namespace: string): number {
  return view.namespaces.get(namespace)?.record.splitBytes ?? config.splitBytes;
}

export function unitOf({ view }: PlanBuilder, namespace: string): UnitOf {
  const delimiter = view.namespaces.get(namespace)?.record.unit;
  return delimiter === undefined || delimiter.length === 0 ? EACH_KEY : throughFirst(delimiter);
}

/** Keys that are equal through the first occurrence of the delimiter are one unit. A key without it is one of its own. */
export function throughFirst(delimiter: Bytes): UnitOf {
  return (key) => {
    const at = Buffer.from(key.buffer, key.byteOffset, key.length).indexOf(delimiter);
    if (at < 0) return EACH_KEY(key);
    const start = key.subarray(0, at + delimiter.length);
    return { start, end: prefixEnd(start) };
  };
}
