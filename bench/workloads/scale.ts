// What growth costs: more keys, more ranges, a restart with all of them, and a node whose disk is lost.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, connect } from '../../client/index.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { silentLogger } from '../../common/base/log.ts';
import { DEFAULT_SESSION } from '../../common/model/config.ts';
import type { TaskRecord } from '../../common/model/records.ts';
import { connectZk } from '../../common/zk/zk.ts';
import { paths, taskCodec } from '../../common/zk/znodes.ts';
import { warmUp } from '../before-slot.ts';
import type { BenchCluster } from '../bench-cluster.ts';
import { compare, type Found, perSecond, type Row, together, type Verdict } from '../compare.ts';
import { type Contender, rangekeeperOn } from '../contenders/contender.ts';
import { keyOf } from '../load/keys.ts';
import { GETS, PUTS, SLOT, type SlotResult } from '../load/slot.ts';
import { residentBytesOf } from '../processes.ts';
import type { Profile } from '../profile/profile.ts';
import { PREFIX, type Rig } from '../rig.ts';
import { ratioOf, type Spread, spreadOf } from '../stats/summary.ts';
import { slotOf } from './put.ts';

const CALLERS = 64;
const MIB = 2 ** 20;
const MB = 1_000_000;
const FEW_KEYS = 10_000;
const KEYS_KEEP = 0.8;
const NODE_MIB_MAX = 400;
const RESTART_MS_MAX = 3_000;
const RANGES_KEEP = 0.75;
/** A namespace is made with at most 256. */
const NAMESPACES = 4;
const RANGES_EACH = 250;
const RECOVERY_MB_WANTED = 50;
const FOREGROUND_KEEP = 0.7;
const LOST_VALUE_BYTES = 100_000;
const LOST_KEYS = 10_000;
const LOST_PREFIX = 'lost';
const REPLACE_AFTER_MS = 1_000;
const RECOVERY_MS_MAX = 240_000;

/** Two clusters, interleaved: one with few keys, one with many; then the larger one's memory and a restart. */
export async function scaleKeys(rig: Rig, many: number): Promise<Found> {
  await rig.stop();
  const small = await rig.otherCluster('few keys', FEW_KEYS);
  const large = await rig.otherCluster(`${many} keys`, many);
  const contenders = [
    await rangekeeperOn(rig, large, `Rangekeeper, ${many} keys`, ['default']),
    await rangekeeperOn(rig, small, `Rangekeeper, ${FEW_KEYS} keys`, ['default']),
  ];
  const found: Found[] = [];
  for (const [work, mix] of [
    ['PUT by number of keys', PUTS],
    ['GET by number of keys', GETS],
  ] as const) {
    const keysOf = (contender: Contender): number => (contender === contenders[0] ? many : FEW_KEYS);
    const own = contenders.map((contender) => ({
      ...contender,
      run: (spec: typeof SLOT) => contender.run({ ...spec, keys: keysOf(contender) }),
    }));
    const { rows, calm } = await compare(rig, {
      ...{ work, variant: `${CALLERS} callers`, contenders: own, unit: 'ops/s', value: perSecond },
      spec: slotOf(rig, { mix, callers: CALLERS }),
    });
    found.push({ rows, calm, verdicts: keeps(rows, KEYS_KEEP, `of ${FEW_KEYS} keys`) });
  }
  const memory = large.nodePids.map((pid) => (residentBytesOf([pid]) ?? 0) / MIB);
  found.push(
    single(
      'memory of a node',
      `${many} keys`,
      'MiB',
      memory,
      `at most ${NODE_MIB_MAX} MiB`,
      (spread) => spread.max <= NODE_MIB_MAX,
      // What it is made of was seen when reads were done.
      found.at(-1)?.rows[0]?.profile ?? null,
    ),
  );
  found.push(await restarts(rig, large, many));
  return together(found);
}

/** Each node killed and started again in turn, until every range has all its replicas in-sync. */
async function restarts(rig: Rig, cluster: BenchCluster, keys: number): Promise<Found> {
  const client = await connect({ zk: cluster.zk });
  const times: number[] = [];
  const restart = async (name: string): Promise<void> => {
    cluster.signal(name, 'SIGKILL');
    await until(client, (inSync) => inSync < 3);
    cluster.startNode(name);
  };
  const whole = (): Promise<void> => until(client, (inSync) => inSync === 3);
  for (const name of ['n1', 'n2', 'n3']) {
    await restart(name);
    const begin = realEnv.now();
    await whole();
    times.push(realEnv.now() - begin);
  }
  const profile = await rig.profile(
    { name: 'restart of n1', cluster, program: null },
    () => whole().then(() => ({ operations: null, median: null })),
    () => restart('n1'),
  );
  await client.close();
  return single(
    'restart of a node',
    `${keys} keys, until in-sync`,
    'ms',
    times,
    `under ${RESTART_MS_MAX} ms`,
    (spread) => spread.max < RESTART_MS_MAX,
    profile,
  );
}

/** One cluster: with one range for the load, then with many more. The two are not interleaved: idle ranges cost. */
export async function scaleRanges(rig: Rig): Promise<Found> {
  await rig.stop();
  const cluster = await rig.otherCluster('ranges', rig.scale.keys);
  const found: Found[] = [];
  const one = await rangekeeperOn(rig, cluster, 'Rangekeeper, 1 range', ['default']);
  const before = await putAndGet(rig, one);
  const names = Array.from({ length: NAMESPACES }, (_, i) => `many${i}`);
  await makeNamespaces(cluster, names, rig.scale.keys);
  const many = await rangekeeperOn(rig, cluster, `Rangekeeper, ${NAMESPACES * RANGES_EACH} ranges`, names);
  await many.fill(PREFIX, rig.scale.keys, SLOT.valueBytes);
  const after = await putAndGet(rig, many);
  after.forEach((grown, i) => {
    const rows = [...grown.rows, ...(before[i]?.rows ?? [])];
    const calm = [...(before[i]?.calm ?? []), ...grown.calm];
    found.push({ rows, calm, verdicts: keeps(rows, RANGES_KEEP, 'of one range') });
  });
  return together(found);
}

async function putAndGet(rig: Rig, contender: Contender): Promise<readonly Omit<Found, 'verdicts'>[]> {
  const measured: Omit<Found, 'verdicts'>[] = [];
  for (const [work, mix] of [
    ['PUT by number of ranges', PUTS],
    ['GET by number of ranges', GETS],
  ] as const) {
    const spec = slotOf(rig, { mix, callers: CALLERS });
    const how = {
      work,
      variant: `${CALLERS} callers`,
      contenders: [contender],
      unit: 'ops/s',
      value: perSecond,
    };
    measured.push(await compare(rig, { ...how, spec }));
  }
  return measured;
}

/** Ranges that meet at even distances among the keys of the load. */
async function makeNamespaces(cluster: BenchCluster, names: readonly string[], keys: number): Promise<void> {
  const zk = connectZk({ connect: cluster.zk, config: DEFAULT_SESSION, env: realEnv, logger: silentLogger });
  const session = await zk.ready(10_000);
  const splitAt = Array.from({ length: RANGES_EACH - 1 }, (_, i) =>
    keyOf(PREFIX, Math.floor(((i + 1) * keys) / RANGES_EACH)),
  );
  for (const name of names) {
    const request = {
      kind: 'create-namespace',
      name,
      replicationFactor: 3,
      minInSync: null,
      splitAt,
    } as const;
    const task: TaskRecord = { request, state: 'pending', progress: '', createdAt: realEnv.wallNow() };
    await session.create(paths.task(`bench-${name}`), taskCodec.encode(task), 'persistent');
    while ((await session.children(paths.ranges(name)))?.length !== RANGES_EACH) await delay(realEnv, 50);
  }
  await zk.close();
}

/** A node is killed with all that it had; an empty one takes its place while writes go on. */
export async function recovery(rig: Rig): Promise<Found> {
  await rig.stop();
  const cluster = await rig.otherCluster('recovery', FEW_KEYS, { replaceAfterMs: REPLACE_AFTER_MS });
  const contender = await rangekeeperOn(rig, cluster, 'Rangekeeper, 3 replicas', ['default']);
  await contender.fill(LOST_PREFIX, LOST_KEYS, LOST_VALUE_BYTES);
  const spec = slotOf(rig, { mix: PUTS, callers: CALLERS, keys: FEW_KEYS });
  await warmUp(rig, contender, spec);
  const before = [perSecond(await contender.run(spec)), perSecond(await contender.run(spec))];
  const client = await connect({ zk: cluster.zk });
  const replace = async (): Promise<void> => {
    cluster.lose('n3');
    await until(client, (inSync) => inSync === 2);
    rmSync(join(cluster.directory, 'n3'), { recursive: true, force: true, maxRetries: 5 });
    cluster.startNode('n3');
  };
  /** Slots done until the new node has all. */
  const loaded = async (): Promise<{ readonly slots: readonly SlotResult[]; readonly seconds: number }> => {
    const begin = realEnv.now();
    let recovered = false;
    const recovering = until(client, (inSync) => inSync === 3, RECOVERY_MS_MAX).then(() => {
      recovered = true;
      return (realEnv.now() - begin) / 1_000;
    });
    const slots: SlotResult[] = [];
    while (!recovered) slots.push(await contender.run({ ...spec, warmUpMs: 0, ms: 500 }));
    return { slots, seconds: await recovering };
  };
  const calm = [rig.calm.look()];
  await replace();
  const { slots, seconds } = await loaded();
  const during = slots.map(perSecond);
  const rate = (LOST_KEYS * LOST_VALUE_BYTES) / MB / seconds;
  calm.push(rig.calm.look());
  const profile =
    contender.subject === undefined
      ? null
      : await rig.profile(
          contender.subject,
          async () => {
            const again = await loaded();
            return { operations: again.slots.reduce((sum, { done }) => sum + done, 0), median: null };
          },
          replace,
        );
  const verified = await contender.verify(rig.scale.verified);
  await client.close();
  const speed = single(
    'recovery of a node',
    '1 GB lost',
    'MB/s',
    [rate],
    `at least ${RECOVERY_MB_WANTED} MB/s`,
    (spread) => spread.median >= RECOVERY_MB_WANTED,
    profile,
  );
  const usual = spreadOf(before).median;
  const kept = during.map((value) => value / usual);
  const loss = single(
    'PUT during recovery',
    `${CALLERS} callers, of ${Math.round(usual)}/s before`,
    '×',
    kept,
    `at least ${FOREGROUND_KEEP} × before`,
    (spread) => spread.median >= FOREGROUND_KEEP,
    profile,
  );
  const rows = loss.rows.map((row) => ({ ...row, verified }));
  return together([
    { ...speed, calm },
    { ...loss, rows },
  ]);
}

/** Until the fewest in-sync replicas of any range are as wished. */
async function until(client: Client, wished: (inSync: number) => boolean, maxMs = 120_000): Promise<void> {
  const end = realEnv.now() + maxMs;
  for (;;) {
    await client.refresh();
    if (wished(Math.min(...client.ranges().map(({ descriptor }) => descriptor.inSync.length)))) return;
    if (realEnv.now() > end) throw new Error(`the in-sync sets are not as wished after ${maxMs / 1_000} s`);
    await delay(realEnv, 50);
  }
}

function keeps(rows: readonly Row[], share: number, of: string): readonly Verdict[] {
  const [grown, small] = rows;
  if (grown === undefined || small === undefined) return [];
  const measured = ratioOf(grown.values, small.values);
  const { work, variant } = grown;
  return [
    {
      work,
      variant,
      goal: `at least ${share} × that ${of}`,
      measured,
      unit: '×',
      met: measured.median >= share,
    },
  ];
}

function single(
  work: string,
  variant: string,
  unit: string,
  values: readonly number[],
  goal: string,
  isMet: (spread: Spread) => boolean,
  profile: Profile | null,
): Found {
  const spread = spreadOf(values);
  const row: Row = {
    ...{
      work,
      variant,
      unit,
      values,
      spread,
      contender: 'Rangekeeper, 3 replicas',
      client: '-',
      quantiles: [],
    },
    ...{
      clientCores: null,
      serverCores: null,
      serverBytes: null,
      errors: {},
      verified: null,
      note: '',
      profile,
    },
  };
  return {
    rows: [row],
    calm: [],
    verdicts: [{ work, variant, goal, measured: spread, unit, met: isMet(spread) }],
  };
}
