// What clients see while the range that they use is split and merged again. The same without either shows how long a caller waits on
// this machine anyway. Callers without a pause keep the machine busy, so each step of a replacement waits for its turn, as every call
// does; with pauses it is a cluster with time to spare.

import type { Client } from '../../client/index.ts';
import { present } from '../../common/base/assert.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import type { TaskRequest } from '../../common/model/records.ts';
import type { BenchCluster } from '../bench-cluster.ts';
import { Callers } from './callers.ts';
import { type Experiment, spreadText, textOf } from './experiment.ts';

const WRITERS = 8;
const READERS = 4;
/** By then every node has settled the last replacement. */
const APART_MS = 2_000;
const BEFORE_MS = 300;
const AFTER_MS = 300;
/** About as long as a split takes until its task is done. */
const NOTHING_MS = 100;

const KINDS = ['nothing', 'split', 'merge'] as const;
/** The pause of each caller after each call, ms. */
const LOADS = [
  { name: 'without a pause', pauseMs: 0 },
  { name: 'with pauses', pauseMs: 4 },
] as const;

export interface ReshapeRun {
  readonly kind: (typeof KINDS)[number];
  readonly load: (typeof LOADS)[number];
  /** Successful writes a second. */
  readonly writesPerSecond: number;
  /** The longest time of one caller until it succeeded, ms. */
  readonly writeMs: number;
  readonly readMs: number;
  /** From the request until the leader says that it is done, ms. */
  readonly tookMs: number;
  readonly failed: number;
  readonly lost: number;
}

export const reshape: Experiment<ReshapeRun> = {
  title: `${WRITERS} writers and ${READERS} fallback readers on a range that is split and merged again:`,
  namespace: 'default',
  splitAt: [],
  async *run(cluster, client, round) {
    const { descriptor } = present(client.ranges()[0], 'a range');
    const prefix = `${textOf(descriptor.start)}!reshape/${round}/`;
    // Half of the keys are on each side of it.
    const middle = `${prefix}${WRITERS / 2}`;
    const requests: Readonly<Record<ReshapeRun['kind'], TaskRequest | null>> = {
      nothing: null,
      split: { kind: 'split', namespace: 'default', keys: [middle] },
      merge: { kind: 'merge', namespace: 'default', key: prefix },
    };
    for (const load of LOADS) {
      for (const kind of KINDS)
        yield await observed(cluster, client, { kind, load, request: requests[kind], prefix });
    }
  },
  describe({ kind, load, writeMs, readMs, tookMs, failed, lost }) {
    const longest = `longest write ${writeMs.toFixed(1)} ms, longest read ${readMs.toFixed(1)} ms`;
    return `${kind}, callers ${load.name}: ${longest}, done after ${Math.round(tookMs)} ms, ${failed} calls failed, ${lost} lost`;
  },
  summarize: (all) => LOADS.flatMap((load) => KINDS.flatMap((kind) => summaryOf(kind, load, all))),
};

interface Scene {
  readonly kind: ReshapeRun['kind'];
  readonly load: ReshapeRun['load'];
  readonly request: TaskRequest | null;
  readonly prefix: string;
}

async function observed(
  cluster: BenchCluster,
  client: Client,
  { kind, load, request, prefix }: Scene,
): Promise<ReshapeRun> {
  const callers = new Callers(client);
  await client.put(`${prefix}read`, '0');
  await delay(realEnv, APART_MS);
  const start = realEnv.now();
  const writes = Array.from({ length: WRITERS }, (_, i) =>
    callers.write((n) => `${prefix}${i}/${kind}/${n % 1000}`, load.pauseMs),
  );
  const reads = Array.from({ length: READERS }, () => callers.read(`${prefix}read`, load.pauseMs));
  await delay(realEnv, BEFORE_MS);
  const begin = realEnv.now();
  await (request === null ? delay(realEnv, NOTHING_MS) : cluster.done(request));
  const tookMs = realEnv.now() - begin;
  await delay(realEnv, AFTER_MS);
  await callers.stop();
  const seconds = (realEnv.now() - start) / 1_000;
  return {
    ...{ kind, load, tookMs },
    writesPerSecond: writes.reduce((sum, { successes }) => sum + successes, 0) / seconds,
    writeMs: Math.max(...writes.map(({ longestMs }) => longestMs)),
    readMs: Math.max(...reads.map(({ longestMs }) => longestMs)),
    failed: callers.failedWrites + callers.failedReads,
    lost: await callers.countLost(prefix),
  };
}

function summaryOf(
  kind: ReshapeRun['kind'],
  load: ReshapeRun['load'],
  all: readonly ReshapeRun[],
): readonly string[] {
  const runs = all.filter((run) => run.kind === kind && run.load === load);
  const sum = (of: (run: ReshapeRun) => number): number => runs.reduce((total, run) => total + of(run), 0);
  const writesPerSecond = Math.round(sum((run) => run.writesPerSecond) / runs.length);
  return [
    `${kind}, callers ${load.name}, ${runs.length} runs, ${writesPerSecond} writes/s:`,
    `  longest write: ${spreadText(runs.map(({ writeMs }) => writeMs))}`,
    `  longest fallback read: ${spreadText(runs.map(({ readMs }) => readMs))}`,
    `  done: ${spreadText(runs.map(({ tookMs }) => tookMs))}`,
    `  ${sum((run) => run.lost)} acknowledged writes lost, ${sum((run) => run.failed)} calls failed`,
  ];
}
