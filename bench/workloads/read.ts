// Linearizable reads of small values, by callers of one program and by separate connections, compared with Redis, etcd and the raw
// limit of a request over WebSocket. And reads of pages of rows in key order.

import { compare, IN_OPERATIONS, slotOf } from '../compare.ts';
import { echo } from '../contenders/echo.ts';
import { etcd } from '../contenders/etcd.ts';
import { rangekeeper } from '../contenders/rangekeeper.ts';
import { redis } from '../contenders/redis.ts';
import { GETS, SCANS } from '../load/slot.ts';
import { atLeast, type Outcome, verdictOn } from '../report/results.ts';
import type { Rig } from '../rig.ts';

const WORK = 'GET, linearizable';

export async function get(rig: Rig, callers: number): Promise<Outcome> {
  const redises = [await redis(rig), await redis(rig, { pipelined: true })];
  return compare(rig, {
    ...{ work: WORK, variant: `${callers} callers`, ...IN_OPERATIONS },
    contenders: [await rangekeeper(rig, 3), ...redises, await etcd(rig), await echo(rig, 1, true)],
    spec: slotOf(rig, { mix: GETS, callers }),
    goals: (rows) => [
      ...atLeast(rows, 2, 'Redis'),
      ...atLeast(rows, 15, 'etcd'),
      ...atLeast(rows, 0.5, 'raw'),
    ],
  });
}

export async function getConnections(rig: Rig, connections: number): Promise<Outcome> {
  const peers = [await echo(rig, connections, false), await redis(rig, { connections })];
  return compare(rig, {
    ...{ work: WORK, variant: `${connections} separate connections`, ...IN_OPERATIONS },
    contenders: [await rangekeeper(rig, 3, { connections }), ...peers],
    spec: slotOf(rig, { mix: GETS, callers: connections }),
    goals: (rows) => atLeast(rows, 0.8, 'raw'),
  });
}

const PAGES_IN_FLIGHT = 16;
const ROWS_WANTED = 1_000_000;

export async function scan(rig: Rig, pageRows: number): Promise<Outcome> {
  return compare(rig, {
    ...{ work: 'scan, linearizable', variant: `pages of ${pageRows}, ${PAGES_IN_FLIGHT} in flight` },
    contenders: [await rangekeeper(rig, 3), await etcd(rig)],
    spec: slotOf(rig, { mix: SCANS, callers: PAGES_IN_FLIGHT, pageRows }),
    unit: 'rows/s',
    value: ({ rows, seconds }) => rows / seconds,
    goals: (rows) => [
      ...atLeast(rows, 1.5, 'etcd'),
      ...rows.slice(0, 1).map((own) => {
        const met = own.spread.median >= ROWS_WANTED;
        return verdictOn(own, { goal: `at least ${ROWS_WANTED} rows/s`, measured: own.spread, met });
      }),
    ],
  });
}
