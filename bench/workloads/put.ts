// Writes of small values, which all in-sync replicas sync before the answer: by callers of one program, by separate connections, and
// one at a time, compared with the raw limit.

import { closeSync, fdatasync, openSync, write, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connect } from '../../client/index.ts';
import { realEnv } from '../../common/base/env.ts';
import { compare, IN_OPERATIONS, slotOf } from '../compare.ts';
import { echoServer } from '../contenders/echo.ts';
import { etcd } from '../contenders/etcd.ts';
import { clusterName, rangekeeper, rangekeeperOn, startCluster } from '../contenders/rangekeeper.ts';
import { bestRedisWriter, redis } from '../contenders/redis.ts';
import { zookeeper } from '../contenders/zookeeper.ts';
import { type EchoDriver, openEcho } from '../load/echo.ts';
import { keyOf } from '../load/keys.ts';
import { GETS, PUTS } from '../load/slot.ts';
import { atLeast, type Outcome, rowOf, verdictOn } from '../report/results.ts';
import { PREFIX, type Rig, VALUE_BYTES } from '../rig.ts';
import { latencyAt, spreadOf } from '../stats/summary.ts';

export async function put3(rig: Rig, callers: number): Promise<Outcome> {
  return compare(rig, {
    ...{ work: 'PUT, 3 replicas', variant: `${callers} in flight`, ...IN_OPERATIONS },
    contenders: [await rangekeeper(rig, 3), await etcd(rig), await zookeeper(rig)],
    spec: slotOf(rig, { mix: PUTS, callers }),
    goals: (rows) => atLeast(rows, 3, 'etcd'),
  });
}

const SUSTAINED_ROUNDS = 2;

/** Long enough for what servers put off, such as merges, to come into it. */
export async function putSustained(
  rig: Rig,
  replicas: 2 | 3,
  callers: number,
  times: number,
): Promise<Outcome> {
  const spec = slotOf(rig, { mix: PUTS, callers, ms: rig.scale.sustainedMs });
  const peers = replicas === 3 ? [await etcd(rig), await zookeeper(rig)] : [await bestRedisWriter(rig, spec)];
  return compare(rig, {
    ...{ work: `PUT, ${replicas} replicas, sustained`, ...IN_OPERATIONS, spec, rounds: SUSTAINED_ROUNDS },
    variant: `${callers} callers, slots of ${rig.scale.sustainedMs / 1_000} s`,
    contenders: [await rangekeeper(rig, replicas), ...peers],
    goals: (rows) => atLeast(rows, times, replicas === 3 ? 'etcd' : 'Redis'),
  });
}

const OWNERS = 3;

/** The same callers over three ranges, each with an owner of its own, against one range. */
export async function spread(rig: Rig, kind: 'PUT' | 'GET', callers: number): Promise<Outcome> {
  const { keys } = rig.scale;
  const cluster = await startCluster(rig, clusterName(3), keys);
  const namespaces = ['spread'];
  const client = await connect({ zk: cluster.zk });
  if (!(await client.namespaces()).some(({ name }) => name === 'spread')) {
    const splitAt = [1, 2].map((third) => keyOf(PREFIX, Math.floor((third * keys) / OWNERS)));
    await client.createNamespace('spread', { splitAt });
    await (await rangekeeperOn(rig, cluster, { namespaces })).fill(PREFIX, keys, VALUE_BYTES);
  }
  await client.close();
  return compare(rig, {
    ...{
      work: `${kind} over ${OWNERS} ranges with ${OWNERS} owners`,
      variant: `${callers} callers`,
      ...IN_OPERATIONS,
    },
    contenders: [
      await rangekeeperOn(rig, cluster, { name: `Rangekeeper, ${OWNERS} ranges`, namespaces }),
      await rangekeeperOn(rig, cluster, { name: 'Rangekeeper, 1 range' }),
    ],
    spec: slotOf(rig, { mix: kind === 'PUT' ? PUTS : GETS, callers }),
    goals: () => [],
  });
}

export async function put2(rig: Rig, callers: number, times: number): Promise<Outcome> {
  const spec = slotOf(rig, { mix: PUTS, callers });
  return compare(rig, {
    ...{ work: 'PUT, 2 replicas', variant: `${callers} callers`, ...IN_OPERATIONS, spec },
    contenders: [await rangekeeper(rig, 2), await bestRedisWriter(rig, spec)],
    goals: (rows) => atLeast(rows, times, 'Redis'),
  });
}

export async function putConnections(rig: Rig, connections: number): Promise<Outcome> {
  return compare(rig, {
    ...{ work: 'PUT, 2 replicas', variant: `${connections} separate connections`, ...IN_OPERATIONS },
    contenders: [await rangekeeper(rig, 2, { connections }), await redis(rig, { connections })],
    spec: slotOf(rig, { mix: PUTS, callers: connections }),
    goals: (rows) => atLeast(rows, 1, 'Redis'),
  });
}

const SLOWER_MAX = 1.5;

/** One write at a time. The raw limit is measured right after it. */
export async function putOne(rig: Rig): Promise<Outcome> {
  const { rows, calm } = await compare(rig, {
    ...{ work: 'PUT, 3 replicas', variant: 'one in flight', unit: 'ms (p50)' },
    contenders: [await rangekeeper(rig, 3), await etcd(rig)],
    spec: slotOf(rig, { mix: PUTS, callers: 1 }),
    value: ({ quantiles }) => latencyAt(quantiles, 0.5) ?? 0,
    goals: () => [],
  });
  const [own] = rows;
  if (own === undefined) return { rows, verdicts: [], calm };
  const { work, variant, unit } = own;
  const client = 'one fdatasync and two ws round trips';
  const raw = rowOf({ work, variant, unit, contender: 'raw limit', client, values: await rawTrips(rig) });
  const measured = spreadOf(own.values.map((value) => value / raw.spread.median));
  const goal = `latency at most ${SLOWER_MAX} × the raw limit`;
  const verdict = verdictOn(own, { goal, measured, unit: '×', met: measured.median <= SLOWER_MAX });
  return { rows: [...rows, raw], verdicts: [verdict], calm };
}

const ENTRY_BYTES = 256;
/** Size of the file, which is overwritten repeatedly, so that its blocks are preallocated like those of a log. */
const FILE_BYTES = 1024 * 1024;

/**
 * The lower limit of the time of a durable write, ms, one value for each round: one fdatasync of a log's block, one request to the
 * owner and one to a replica, each with its answer. The three are repeated together as one operation. If each ran in its own loop,
 * processes and caches would be warmer than they are for a write.
 */
async function rawTrips(rig: Rig): Promise<number[]> {
  const { port } = await echoServer(rig);
  const echo = await openEcho({ port, connections: 2, gathered: false });
  const file = openSync(join(rig.directory, 'raw-log'), 'w');
  try {
    writeSync(file, Buffer.alloc(FILE_BYTES));
    await promisify(fdatasync)(file);
    await rawTrip(echo, file, rig.scale.warmUpMs);
    const values: number[] = [];
    for (let round = 0; round < rig.scale.rounds; round++)
      values.push(await rawTrip(echo, file, rig.scale.ms));
    return values;
  } finally {
    closeSync(file);
    echo.close();
  }
}

/** Repeats the operation for `ms` and returns its median time, ms. */
async function rawTrip(echo: EchoDriver, file: number, ms: number): Promise<number> {
  const key = keyOf(PREFIX, 0);
  const entry = Buffer.alloc(ENTRY_BYTES, 7);
  const times: number[] = [];
  const end = realEnv.now() + ms;
  for (let begin = realEnv.now(); begin < end; ) {
    await promisify(write)(file, entry, 0, ENTRY_BYTES, (times.length * ENTRY_BYTES) % FILE_BYTES);
    await promisify(fdatasync)(file);
    await echo.get(0, key);
    await echo.get(1, key);
    const now = realEnv.now();
    times.push(now - begin);
    begin = now;
  }
  return spreadOf(times).median;
}
