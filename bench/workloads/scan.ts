// Pages of rows in key order, linearizable, counted in rows a second.

import { atLeast, compare, type Found, rowsPerSecond } from '../compare.ts';
import { etcd, rangekeeper } from '../contenders/contender.ts';
import { SCANS } from '../load/slot.ts';
import type { Rig } from '../rig.ts';
import { slotOf } from './put.ts';

const PAGES_IN_FLIGHT = 16;
const ROWS_WANTED = 1_000_000;

export async function scan(rig: Rig, pageRows: number): Promise<Found> {
  const { rows, calm } = await compare(rig, {
    work: 'scan, linearizable',
    variant: `pages of ${pageRows}, ${PAGES_IN_FLIGHT} in flight`,
    contenders: [await rangekeeper(rig, 3), await etcd(rig)],
    spec: slotOf(rig, { mix: SCANS, callers: PAGES_IN_FLIGHT, pageRows }),
    unit: 'rows/s',
    value: rowsPerSecond,
  });
  const [own] = rows;
  if (own === undefined) return { rows, calm, verdicts: [] };
  const absolute = {
    ...{ work: own.work, variant: own.variant, goal: `at least ${ROWS_WANTED} rows/s`, unit: 'rows/s' },
    ...{ measured: own.spread, met: own.spread.median >= ROWS_WANTED },
  };
  return { rows, calm, verdicts: [...atLeast(rows, 1.5, 'etcd'), absolute] };
}
