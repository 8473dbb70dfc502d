// Writes of small values, all in-sync replicas synced before the answer: by callers of one program, by separate
// connections, and one at a time.

import { atLeast, compare, type Found, perSecond, type Row } from '../compare.ts';
import { bestRedisWriter, etcd, rangekeeper, redis, zookeeper } from '../contenders/contender.ts';
import { PUTS, SLOT, type SlotSpec } from '../load/slot.ts';
import { rawTrip } from '../raw-trip.ts';
import type { Rig } from '../rig.ts';
import { spreadOf } from '../stats/summary.ts';

export function slotOf(rig: Rig, change: Partial<SlotSpec>): SlotSpec {
  const { warmUpMs, ms, keys } = rig.scale;
  return { ...SLOT, warmUpMs, ms, keys, ...change };
}

export async function put3(rig: Rig, callers: number): Promise<Found> {
  const { rows, calm } = await compare(rig, {
    work: 'PUT, 3 replicas',
    variant: `${callers} in flight`,
    contenders: [await rangekeeper(rig, 3), await etcd(rig), await zookeeper(rig)],
    spec: slotOf(rig, { mix: PUTS, callers }),
    unit: 'ops/s',
    value: perSecond,
  });
  return { rows, calm, verdicts: atLeast(rows, 3, 'etcd') };
}

export async function put2(rig: Rig, callers: number, times: number): Promise<Found> {
  const spec = slotOf(rig, { mix: PUTS, callers });
  const { rows, calm } = await compare(rig, {
    work: 'PUT, 2 replicas',
    variant: `${callers} callers`,
    contenders: [await rangekeeper(rig, 2), await bestRedisWriter(rig, spec)],
    spec,
    unit: 'ops/s',
    value: perSecond,
  });
  return { rows, calm, verdicts: atLeast(rows, times, 'Redis') };
}

export async function putConnections(rig: Rig, connections: number): Promise<Found> {
  const { rows, calm } = await compare(rig, {
    work: 'PUT, 2 replicas',
    variant: `${connections} separate connections`,
    contenders: [
      await rangekeeper(rig, 2, connections),
      await redis(rig, { connections, gathered: false, pipelined: false }),
    ],
    spec: slotOf(rig, { mix: PUTS, callers: connections }),
    unit: 'ops/s',
    value: perSecond,
  });
  return { rows, calm, verdicts: atLeast(rows, 1, 'Redis') };
}

const SLOWER_MAX = 1.5;

/** The raw limit is taken right after: a sync on this disk, and twice a message there and back. */
export async function putOne(rig: Rig): Promise<Found> {
  const { rows, calm } = await compare(rig, {
    work: 'PUT, 3 replicas',
    variant: 'one in flight',
    contenders: [await rangekeeper(rig, 3), await etcd(rig)],
    spec: slotOf(rig, { mix: PUTS, callers: 1 }),
    unit: 'ms (p50)',
    value: ({ quantiles }) => quantiles[0] ?? 0,
  });
  const [own] = rows;
  const raw = await rawTrip(rig);
  if (own === undefined) return { rows, calm, verdicts: [] };
  const spread = spreadOf(raw);
  const rawRow: Row = {
    ...own,
    ...{ contender: 'raw limit', client: 'one fdatasync and two ws round trips', values: raw, spread },
    ...{ quantiles: [], clientCores: null, serverCores: null, serverBytes: null, errors: {}, verified: null },
    profile: null,
  };
  const measured = spreadOf(own.values.map((value) => value / spread.median));
  const verdict = {
    ...{ work: own.work, variant: own.variant, measured, unit: '×', met: measured.median <= SLOWER_MAX },
    goal: `latency at most ${SLOWER_MAX} × the raw limit`,
  };
  return { rows: [...rows, rawRow], calm, verdicts: [verdict] };
}
