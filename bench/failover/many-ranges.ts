// How long each of many ranges is without writes when one of three nodes goes. Every range lost a replica, and a third of
// them their owner: what one range needs of ZooKeeper then, all of them need at the same moment.

import { type Client, connect } from '../../client/index.ts';
import { assert } from '../../common/base/assert.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { silentLogger } from '../../common/base/log.ts';
import { DEFAULT_SESSION } from '../../common/model/config.ts';
import type { DescriptorImage } from '../../common/model/descriptor.ts';
import type { RangeId } from '../../common/model/ids.ts';
import type { TaskRecord } from '../../common/model/records.ts';
import { connectZk } from '../../common/zk/zk.ts';
import { paths, taskCodec } from '../../common/zk/znodes.ts';
import { BenchCluster, nameOf, untilWhole } from '../bench-cluster.ts';
import { spreadOf } from '../stats/summary.ts';

const NODES = 3;
const RANGES = 200;
const NAMESPACE = 'many';
/** Between two writes of one range: two cores do not have to be full for a stall to show. */
const PAUSE_MS = 50;
const SETTLE_MS = 2_000;
const BEFORE_MS = 1_000;
const AFTER_MS = 6_000;

/** `loss`: its session lives on for T. */
const FAULTS = {
  crash: "a node's process crashes (kill -9)",
  loss: 'its machine is lost (guardian killed too)',
} as const;
type Fault = keyof typeof FAULTS;

export const MANY_RANGES = `${RANGES} ranges on ${NODES} nodes, one writer each with ${PAUSE_MS} ms between its writes`;

export interface ManyRangesRun {
  readonly fault: Fault;
  /** Longest time between two successful writes, ms, one for each range that the node owned. */
  readonly ownedMs: readonly number[];
  /** For each range that it did not own. */
  readonly otherMs: readonly number[];
  /** Writes that ended with an error. */
  readonly failed: number;
  readonly lost: number;
  /** From the restart until all ranges have all replicas in-sync. */
  readonly backInSyncMs: number;
}

/** Loses a node `runs` times in each way. Rejects as `stopped` does. */
export async function measureManyRanges(
  runs: number,
  told: (run: ManyRangesRun) => void,
  stopped: Promise<never>,
): Promise<readonly ManyRangesRun[]> {
  const cluster = await BenchCluster.start(NODES);
  const results: ManyRangesRun[] = [];
  try {
    await makeNamespace(cluster);
    const client = await connect({ zk: cluster.zk, namespace: NAMESPACE, connectMs: 30_000 });
    await untilWhole(client, NODES);
    for (let round = 0; round < runs; round++) {
      for (const fault of ['crash', 'loss'] as const) {
        await delay(realEnv, SETTLE_MS);
        const run = await Promise.race([runOnce(cluster, client, fault, round), stopped]);
        results.push(run);
        told(run);
      }
    }
    await client.close();
  } finally {
    await cluster.stop();
  }
  return results;
}

async function runOnce(
  cluster: BenchCluster,
  client: Client,
  fault: Fault,
  round: number,
): Promise<ManyRangesRun> {
  const images = client.ranges();
  const victim = images[round % images.length]?.descriptor.owner.node;
  assert(victim !== undefined, 'the namespace has ranges');
  const name = nameOf(client, victim);
  const owned = new Set(
    images
      .filter(({ descriptor }) => descriptor.owner.node === victim)
      .map(({ descriptor }) => descriptor.id),
  );
  const load = {
    stopped: false,
    failed: 0,
    longest: new Map<RangeId, number>(),
    newest: new Map<string, string>(),
  };
  const callers = images.map((image) => write(client, image, load));
  await delay(realEnv, BEFORE_MS);
  if (fault === 'loss') cluster.lose(name);
  else cluster.signal(name, 'SIGKILL');
  await delay(realEnv, AFTER_MS);
  load.stopped = true;
  await Promise.all(callers);
  const restarted = realEnv.now();
  cluster.startNode(name);
  await untilWhole(client, NODES);
  const backInSyncMs = realEnv.now() - restarted;
  const times = [...load.longest];
  return {
    fault,
    ownedMs: times.filter(([range]) => owned.has(range)).map(([, ms]) => ms),
    otherMs: times.filter(([range]) => !owned.has(range)).map(([, ms]) => ms),
    failed: load.failed,
    lost: await countLost(client, load.newest),
    backInSyncMs,
  };
}

interface Load {
  stopped: boolean;
  failed: number;
  readonly longest: Map<RangeId, number>;
  /** Of each key the value acknowledged last. */
  readonly newest: Map<string, string>;
}

async function write(client: Client, { descriptor }: DescriptorImage, load: Load): Promise<void> {
  const key = `${new TextDecoder().decode(descriptor.start)}!`;
  let last = realEnv.now();
  for (let n = 0; !load.stopped; n++) {
    try {
      await client.put(key, String(n));
      const now = realEnv.now();
      load.longest.set(descriptor.id, Math.max(load.longest.get(descriptor.id) ?? 0, now - last));
      last = now;
      load.newest.set(key, String(n));
    } catch (error) {
      if (!(error instanceof RangekeeperError)) throw error;
      load.failed++;
    }
    await delay(realEnv, PAUSE_MS);
  }
}

async function countLost(client: Client, newest: ReadonlyMap<string, string>): Promise<number> {
  let lost = 0;
  for (const [key, value] of newest) {
    const found = await client.get(key);
    // One whose outcome is unknown may have followed.
    if (found === null || Number(new TextDecoder().decode(found.value)) < Number(value)) lost++;
  }
  return lost;
}

async function makeNamespace(cluster: BenchCluster): Promise<void> {
  const zk = connectZk({ connect: cluster.zk, config: DEFAULT_SESSION, env: realEnv, logger: silentLogger });
  const session = await zk.ready(10_000);
  const splitAt = Array.from({ length: RANGES - 1 }, (_, i) => `r${String(i + 1).padStart(4, '0')}`);
  const request = {
    kind: 'create-namespace',
    name: NAMESPACE,
    replicationFactor: NODES,
    minInSync: null,
    splitAt,
  } as const;
  const task: TaskRecord = { request, state: 'pending', progress: '', createdAt: realEnv.wallNow() };
  // The coordinator makes the folder of tasks.
  while ((await session.children(paths.tasks)) === null) await delay(realEnv, 50);
  await session.create(paths.task('bench-many'), taskCodec.encode(task), 'persistent');
  while ((await session.children(paths.ranges(NAMESPACE)))?.length !== RANGES) await delay(realEnv, 50);
  await zk.close();
}

/** One run in a line. */
export function describeManyRanges(run: ManyRangesRun): string {
  const parts = [
    `writes of ranges that it owned: ${figure(run.ownedMs)}`,
    `of others: ${figure(run.otherMs)}`,
    `${run.failed} failed`,
    `${run.lost} lost`,
    `in-sync again after ${Math.round(run.backInSyncMs)} ms`,
  ];
  return `  ${FAULTS[run.fault]}: ${parts.join('; ')}`;
}

/** All runs of each fault together: each range of each run counts. */
export function summarizeManyRanges(all: readonly ManyRangesRun[]): string[] {
  return (['crash', 'loss'] as const).flatMap((fault) => {
    const runs = all.filter((run) => run.fault === fault);
    return [
      `${FAULTS[fault]}, ${runs.length} runs:`,
      `  writes of ranges that it owned: ${figure(runs.flatMap(({ ownedMs }) => ownedMs))}`,
      `  of others: ${figure(runs.flatMap(({ otherMs }) => otherMs))}`,
      `  in-sync again: ${figure(runs.map(({ backInSyncMs }) => backInSyncMs))}`,
    ];
  });
}

function figure(values: readonly number[]): string {
  const { median, max } = spreadOf(values);
  return `median ${Math.round(median)} ms, worst ${Math.round(max)} ms`;
}
