// How long a range is without writes, and a reader without an answer, when a process dies or stalls under load. Each
// run counts what was acknowledged and looks for all of it afterwards; a gap is the longest time that one caller waited
// for its next success.

import { type Client, connect } from '../../client/index.ts';
import { never } from '../../common/base/assert.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { DescriptorImage } from '../../common/model/descriptor.ts';
import { BenchCluster, nameOf, untilWhole } from '../bench-cluster.ts';
import { spreadOf } from '../stats/summary.ts';

const NODES = 3;
const WRITERS = 8;
const READERS = 4;
const BEFORE_MS = 1_000;
const AFTER_MS = 5_000;

interface Scenario {
  readonly name: string;
  readonly victim: 'owner' | 'replica';
  /** `crash`: kill -9 of the node; `loss`: of its guardian as well, first; `stall`: SIGSTOP. */
  readonly fault: 'crash' | 'loss' | 'stall';
}

const SCENARIOS: readonly Scenario[] = [
  { name: "owner's process crashes (kill -9)", victim: 'owner', fault: 'crash' },
  { name: "owner's machine is lost (guardian killed too)", victim: 'owner', fault: 'loss' },
  { name: "replica's process crashes (kill -9)", victim: 'replica', fault: 'crash' },
  { name: "replica's machine is lost (guardian killed too)", victim: 'replica', fault: 'loss' },
  { name: 'replica stalls (SIGSTOP)', victim: 'replica', fault: 'stall' },
];

export interface FailoverRun {
  readonly scenario: string;
  readonly writeGapMs: number;
  readonly readGapMs: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly failedReads: number;
  readonly lost: number;
  /** From the restart to in-sync again. */
  readonly backInSyncMs: number;
}

/** Longest pause of one caller between two successes. */
class Gaps {
  longest = 0;
  #last = realEnv.now();

  success(): void {
    const now = realEnv.now();
    this.longest = Math.max(this.longest, now - this.#last);
    this.#last = now;
  }
}

interface Load {
  stopped: boolean;
  readonly acknowledged: string[];
  unknown: number;
  failedReads: number;
  readonly writeGaps: Gaps[];
  readonly readGaps: Gaps[];
}

/** Runs every scenario `runs` times on one cluster; `told` hears of each run. Rejects as `stopped` does. */
export async function measureFailover(
  runs: number,
  told: (run: FailoverRun) => void,
  stopped: Promise<never>,
): Promise<readonly FailoverRun[]> {
  const cluster = await BenchCluster.start(NODES);
  const results: FailoverRun[] = [];
  try {
    const client = await connect({ zk: cluster.zk, connectMs: 30_000 });
    await untilWhole(client, NODES);
    for (let round = 0; round < runs; round++) {
      for (const scenario of SCENARIOS) {
        const running = runOnce(cluster, client, scenario, `${round}-${SCENARIOS.indexOf(scenario)}`);
        const run = await Promise.race([running, stopped]);
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
  scenario: Scenario,
  label: string,
): Promise<FailoverRun> {
  const range = pickRange(client, label);
  const victim = nameOf(client, victimOf(range, scenario));
  const prefix = keyIn(range, label);
  await client.put(`${prefix}/read`, 'value');
  const load: Load = {
    stopped: false,
    acknowledged: [],
    unknown: 0,
    failedReads: 0,
    writeGaps: [],
    readGaps: [],
  };
  const callers = [
    ...Array.from({ length: WRITERS }, (_, writer) => write(client, load, `${prefix}/${writer}`)),
    ...Array.from({ length: READERS }, () => read(client, load, `${prefix}/read`)),
  ];
  await delay(realEnv, BEFORE_MS);
  strike(cluster, victim, scenario.fault);
  await delay(realEnv, AFTER_MS);
  load.stopped = true;
  await Promise.all(callers);
  const restarted = realEnv.now();
  if (scenario.fault === 'stall') cluster.signal(victim, 'SIGCONT');
  else cluster.startNode(victim);
  await untilWhole(client, NODES);
  return {
    scenario: scenario.name,
    writeGapMs: Math.max(...load.writeGaps.map(({ longest }) => longest)),
    readGapMs: Math.max(...load.readGaps.map(({ longest }) => longest)),
    acknowledged: load.acknowledged.length,
    unknown: load.unknown,
    failedReads: load.failedReads,
    lost: await countLost(client, prefix, load.acknowledged),
    backInSyncMs: realEnv.now() - restarted,
  };
}

function strike(cluster: BenchCluster, victim: string, fault: Scenario['fault']): void {
  switch (fault) {
    case 'crash':
      return cluster.signal(victim, 'SIGKILL');
    case 'loss':
      return cluster.lose(victim);
    case 'stall':
      return cluster.signal(victim, 'SIGSTOP');
    default:
      return never(fault);
  }
}

/** One range after another, so that no node is spared. */
function pickRange(client: Client, label: string): DescriptorImage {
  const ranges = client.ranges();
  const image = ranges[Number.parseInt(label, 10) % ranges.length];
  if (image === undefined) throw new Error('the namespace has no ranges');
  return image;
}

function victimOf({ descriptor }: DescriptorImage, scenario: Scenario): string {
  if (scenario.victim === 'owner') return descriptor.owner.node;
  const other = descriptor.replicas.find(({ node }) => node !== descriptor.owner.node);
  if (other === undefined) throw new Error('the range has one replica only');
  return other.node;
}

function keyIn({ descriptor }: DescriptorImage, label: string): string {
  return `${new TextDecoder().decode(descriptor.start)}!failover/${label}`;
}

async function write(client: Client, load: Load, prefix: string): Promise<void> {
  const gaps = new Gaps();
  load.writeGaps.push(gaps);
  for (let n = 0; !load.stopped; n++) {
    const key = `${prefix}/${n}`;
    try {
      await client.put(key, 'x'.repeat(100));
      gaps.success();
      load.acknowledged.push(key);
    } catch (error) {
      if (!(error instanceof RangekeeperError)) throw error;
      if (error.applied === 'unknown') load.unknown++;
    }
  }
}

async function read(client: Client, load: Load, key: string): Promise<void> {
  const gaps = new Gaps();
  load.readGaps.push(gaps);
  while (!load.stopped) {
    try {
      const found = await client.get(key, { read: 'fallback' });
      if (found === null) load.failedReads++;
      else gaps.success();
    } catch (error) {
      if (!(error instanceof RangekeeperError)) throw error;
      load.failedReads++;
    }
  }
}

async function countLost(client: Client, prefix: string, acknowledged: readonly string[]): Promise<number> {
  const present = new Set<string>();
  const decoder = new TextDecoder();
  for await (const row of client.scan({ prefix: `${prefix}/`, keysOnly: true }))
    present.add(decoder.decode(row.key));
  return acknowledged.filter((key) => !present.has(key)).length;
}

/** One run in a line. */
export function describeFailover(run: FailoverRun): string {
  const parts = [
    `write gap ${ms(run.writeGapMs)}`,
    `read gap ${ms(run.readGapMs)}`,
    `${run.acknowledged} acknowledged`,
    `${run.unknown} unknown`,
    `${run.lost} lost`,
    `${run.failedReads} failed reads`,
    `in-sync again after ${ms(run.backInSyncMs)}`,
  ];
  return `  ${run.scenario}: ${parts.join(', ')}`;
}

/** All runs of each scenario together. */
export function summarizeFailover(runs: readonly FailoverRun[]): string[] {
  return SCENARIOS.flatMap(({ name }) => summary(name, runs));
}

function summary(scenario: string, all: readonly FailoverRun[]): string[] {
  const runs = all.filter((run) => run.scenario === scenario);
  const figure = (of: (run: FailoverRun) => number): string => {
    const { median, max } = spreadOf(runs.map(of));
    return `median ${ms(median)}, worst ${ms(max)}`;
  };
  const lost = runs.reduce((sum, run) => sum + run.lost, 0);
  const failed = runs.reduce((sum, run) => sum + run.failedReads, 0);
  return [
    `${scenario}, ${runs.length} runs:`,
    `  writes: ${figure((run) => run.writeGapMs)}`,
    `  fallback reads: ${figure((run) => run.readGapMs)}`,
    `  in-sync again: ${figure((run) => run.backInSyncMs)}`,
    `  ${lost} acknowledged writes lost, ${failed} fallback reads failed`,
  ];
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
