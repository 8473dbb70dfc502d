// The cost of growth: more keys, more ranges, a restart with many keys, and a node whose disk is lost.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '../../client/index.ts';
import { realEnv } from '../../common/base/env.ts';
import { warmUp } from '../before-slot.ts';
import { type BenchCluster, untilInSync } from '../bench-cluster.ts';
import { compare, IN_OPERATIONS, perSecond, slotOf } from '../compare.ts';
import type { Contender } from '../contenders/contender.ts';
import { rangekeeperOn, startCluster } from '../contenders/rangekeeper.ts';
import { keyOf } from '../load/keys.ts';
import { GETS, PUTS, type SlotSpec } from '../load/slot.ts';
import { memoryOf } from '../processes.ts';
import { atLeast, type Outcome, type Row, rowOf, together, verdictOn } from '../report/results.ts';
import { PREFIX, type Rig, VALUE_BYTES } from '../rig.ts';
import { type Spread, spreadOf } from '../stats/summary.ts';

const CALLERS = 64;
const MIXES = [
  ['PUT', PUTS],
  ['GET', GETS],
] as const;
const MIB = 2 ** 20;
const MB = 1_000_000;
const FEW_KEYS = 10_000;
const KEYS_KEEP = 0.8;
const NODE_MIB_MAX = 400;
const RESTART_MS_MAX = 3_000;
const RANGES_KEEP = 0.75;
/** A namespace can be created with at most 256 ranges. */
const NAMESPACES = 4;
const RANGES_EACH = 250;
const RECOVERY_MB_WANTED = 50;
const FOREGROUND_KEEP = 0.7;
const LOST = { prefix: 'lost', keys: 10_000, valueBytes: 100_000 };
const REPLACE_AFTER_MS = 1_000;

/** Compares a cluster with few keys and one with many, then measures the memory and a restart of the larger one. */
export async function scaleKeys(rig: Rig, many: number): Promise<Outcome> {
  await rig.stop();
  const small = await startCluster(rig, 'few keys', FEW_KEYS);
  const large = await startCluster(rig, `${many} keys`, many);
  const contenders = [
    withKeys(await rangekeeperOn(rig, large, { name: `Rangekeeper, ${many} keys` }), many),
    withKeys(await rangekeeperOn(rig, small, { name: `Rangekeeper, ${FEW_KEYS} keys` }), FEW_KEYS),
  ];
  const outcomes: Outcome[] = [];
  for (const [kind, mix] of MIXES) {
    const comparison = {
      ...{ work: `${kind} by number of keys`, variant: `${CALLERS} callers`, contenders, ...IN_OPERATIONS },
      spec: slotOf(rig, { mix, callers: CALLERS }),
      goals: (rows: readonly Row[]) => atLeast(rows, KEYS_KEEP),
    };
    outcomes.push(await compare(rig, comparison));
  }
  const memory = large.nodePids.map((pid) => (memoryOf([pid])?.anonymous ?? 0) / MIB);
  outcomes.push(
    figure(
      { work: 'memory of a node without mapped files', variant: `${many} keys`, unit: 'MiB', values: memory },
      'at most',
      NODE_MIB_MAX,
    ),
  );
  outcomes.push(await restarts(rig, large, many));
  return together(outcomes);
}

function withKeys(contender: Contender, keys: number): Contender {
  return { ...contender, run: (spec) => contender.run({ ...spec, keys }) };
}

/** Kills and restarts each node in turn, and measures the time until all replicas of all ranges are in-sync. */
async function restarts(rig: Rig, cluster: BenchCluster, keys: number): Promise<Outcome> {
  const client = await connect({ zk: cluster.zk });
  const restart = async (name: string): Promise<number> => {
    cluster.signal(name, 'SIGKILL');
    await untilInSync(client, (inSync) => inSync < 3);
    cluster.startNode(name);
    const begin = realEnv.now();
    await untilInSync(client, (inSync) => inSync === 3);
    return realEnv.now() - begin;
  };
  const values: number[] = [];
  for (const name of ['n1', 'n2', 'n3']) values.push(await restart(name));
  const profile = await rig.profile(`restart of n1 ${keys} keys`, cluster.nodePids, () => restart('n1'));
  await client.close();
  const row = {
    work: 'restart of a node',
    variant: `${keys} keys, until in-sync`,
    unit: 'ms',
    values,
    profile,
  };
  return figure(row, 'at most', RESTART_MS_MAX);
}

/** Measures one cluster with one range, then with many more. The rounds do not alternate, because idle ranges cost time. */
export async function scaleRanges(rig: Rig): Promise<Outcome> {
  await rig.stop();
  const { keys } = rig.scale;
  const cluster = await startCluster(rig, 'ranges', keys);
  const before = await putAndGet(rig, await rangekeeperOn(rig, cluster, { name: 'Rangekeeper, 1 range' }));
  const namespaces = Array.from({ length: NAMESPACES }, (_, i) => `many${i}`);
  const splitAt = Array.from({ length: RANGES_EACH - 1 }, (_, i) =>
    keyOf(PREFIX, Math.floor(((i + 1) * keys) / RANGES_EACH)),
  );
  for (const namespace of namespaces) await cluster.makeNamespace(namespace, splitAt);
  const name = `Rangekeeper, ${NAMESPACES * RANGES_EACH} ranges`;
  const many = await rangekeeperOn(rig, cluster, { name, namespaces });
  await many.fill(PREFIX, keys, VALUE_BYTES);
  const after = await putAndGet(rig, many);
  return together(
    after.map((grown, i) => {
      const { rows, calm } = together([grown, ...before.slice(i, i + 1)]);
      return { rows, calm, verdicts: atLeast(rows, RANGES_KEEP) };
    }),
  );
}

async function putAndGet(rig: Rig, contender: Contender): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [kind, mix] of MIXES) {
    const comparison = {
      ...{ work: `${kind} by number of ranges`, variant: `${CALLERS} callers`, ...IN_OPERATIONS },
      ...{ contenders: [contender], spec: slotOf(rig, { mix, callers: CALLERS }), goals: () => [] },
    };
    outcomes.push(await compare(rig, comparison));
  }
  return outcomes;
}

/** A node is killed and loses its data. An empty one replaces it while writes continue. */
export async function recovery(rig: Rig): Promise<Outcome> {
  await rig.stop();
  const options = { replaceAfterMs: REPLACE_AFTER_MS };
  const cluster = await startCluster(rig, 'recovery', FEW_KEYS, 3, options);
  const contender = await rangekeeperOn(rig, cluster, { name: 'Rangekeeper, 3 replicas' });
  await contender.fill(LOST.prefix, LOST.keys, LOST.valueBytes);
  const spec = slotOf(rig, { mix: PUTS, callers: CALLERS, keys: FEW_KEYS });
  await warmUp(rig, contender, spec);
  const usual = spreadOf([perSecond(await contender.run(spec)), perSecond(await contender.run(spec))]).median;
  const calm = [rig.calibrator.measure()];
  const { rates, seconds } = await replaceLoaded(cluster, contender, spec);
  calm.push(rig.calibrator.measure());
  const pids = [...cluster.nodePids, ...contender.clientPids()];
  const profile = await rig.profile('recovery of a node', pids, () =>
    replaceLoaded(cluster, contender, spec),
  );
  const verified = await contender.verify(rig.scale.verified);
  const speed = (LOST.keys * LOST.valueBytes) / MB / seconds;
  const variant = `${CALLERS} callers, of ${Math.round(usual)}/s before`;
  const kept = { work: 'PUT during recovery', variant, unit: '×', values: rates.map((rate) => rate / usual) };
  return together([
    figure(
      { work: 'recovery of a node', variant: '1 GB lost', unit: 'MB/s', values: [speed], profile },
      'at least',
      RECOVERY_MB_WANTED,
    ),
    figure({ ...kept, verified, profile }, 'at least', FOREGROUND_KEEP),
    { rows: [], verdicts: [], calm },
  ]);
}

/** Replaces a node under load. Returns the rates of the slots until the new node is in-sync, and the time until then. */
async function replaceLoaded(
  cluster: BenchCluster,
  contender: Contender,
  spec: SlotSpec,
): Promise<{ readonly rates: readonly number[]; readonly seconds: number }> {
  const client = await connect({ zk: cluster.zk });
  cluster.lose('n3');
  await untilInSync(client, (inSync) => inSync === 2);
  rmSync(join(cluster.directory, 'n3'), { recursive: true, force: true, maxRetries: 5 });
  cluster.startNode('n3');
  const begin = realEnv.now();
  const state = { recovered: false };
  const recovering = untilInSync(client, (inSync) => inSync === 3).then(() => {
    state.recovered = true;
    return (realEnv.now() - begin) / 1_000;
  });
  const rates: number[] = [];
  while (!state.recovered) rates.push(perSecond(await contender.run({ ...spec, warmUpMs: 0, ms: 500 })));
  const seconds = await recovering;
  await client.close();
  return { rates, seconds };
}

/** A row with one goal: its median must be at least `bound`, or its maximum at most `bound`. */
function figure(
  known: Pick<Row, 'work' | 'variant' | 'unit' | 'values'> & Partial<Row>,
  relation: 'at least' | 'at most',
  bound: number,
): Outcome {
  const row = rowOf({ contender: 'Rangekeeper, 3 replicas', client: '-', ...known });
  const { median, max }: Spread = row.spread;
  const met = relation === 'at least' ? median >= bound : max <= bound;
  const goal = `${relation} ${bound} ${row.unit}`;
  return { rows: [row], verdicts: [verdictOn(row, { goal, measured: row.spread, met })], calm: [] };
}
