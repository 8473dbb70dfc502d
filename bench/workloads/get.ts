// Linearizable reads of small values: by callers of one program and by separate connections, beside Redis, etcd and the
// raw limit of a request over WebSocket.

import { atLeast, compare, type Found, perSecond } from '../compare.ts';
import { echo, etcd, rangekeeper, redis } from '../contenders/contender.ts';
import { GETS } from '../load/slot.ts';
import type { Rig } from '../rig.ts';
import { slotOf } from './put.ts';

export async function get(rig: Rig, callers: number): Promise<Found> {
  const { rows, calm } = await compare(rig, {
    work: 'GET, linearizable',
    variant: `${callers} callers`,
    contenders: [
      await rangekeeper(rig, 3),
      await redis(rig, { connections: 1, gathered: false, pipelined: false }),
      await redis(rig, { connections: 1, gathered: false, pipelined: true }),
      await etcd(rig),
      await echo(rig, 1, true),
    ],
    spec: slotOf(rig, { mix: GETS, callers }),
    unit: 'ops/s',
    value: perSecond,
  });
  const verdicts = [...atLeast(rows, 2, 'Redis'), ...atLeast(rows, 15, 'etcd'), ...atLeast(rows, 0.5, 'raw')];
  return { rows, calm, verdicts };
}

export async function getConnections(rig: Rig, connections: number): Promise<Found> {
  const { rows, calm } = await compare(rig, {
    work: 'GET, linearizable',
    variant: `${connections} separate connections`,
    contenders: [
      await rangekeeper(rig, 3, connections),
      await echo(rig, connections, false),
      await redis(rig, { connections, gathered: false, pipelined: false }),
    ],
    spec: slotOf(rig, { mix: GETS, callers: connections }),
    unit: 'ops/s',
    value: perSecond,
  });
  return { rows, calm, verdicts: atLeast(rows, 0.8, 'raw') };
}
