// What clients see when one of three nodes fails: many callers of one range, and one caller for each of many ranges. Every range
// then loses a replica, and a third of the ranges lose their owner, so all of them need ZooKeeper at the same time.

import type { Client } from '../../client/index.ts';
import { present } from '../../common/base/assert.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { type BenchCluster, nameOf, untilAllInSync } from '../bench-cluster.ts';
import { Callers } from './callers.ts';
import { type Experiment, NODES, spreadText, textOf } from './experiment.ts';

const SETTLE_MS = 2_000;
const BEFORE_MS = 1_000;
const AFTER_MS = 6_000;

/**
 * `crash`: SIGKILL of the node. `loss`: SIGKILL of its guardian, then of the node, so that its session lives until its timeout T.
 * `stall`: SIGSTOP of the node.
 */
type Fault = 'crash' | 'loss' | 'stall';

/** Applies a fault while the callers run, then stops them and restarts the node. Returns the time until all is in-sync, ms. */
async function applyFault(
  cluster: BenchCluster,
  client: Client,
  victim: string,
  fault: Fault,
  callers: Callers,
): Promise<number> {
  await delay(realEnv, BEFORE_MS);
  if (fault === 'loss') cluster.lose(victim);
  else cluster.signal(victim, fault === 'crash' ? 'SIGKILL' : 'SIGSTOP');
  await delay(realEnv, AFTER_MS);
  await callers.stop();
  const begin = realEnv.now();
  if (fault === 'stall') cluster.signal(victim, 'SIGCONT');
  else cluster.startNode(victim);
  await untilAllInSync(client, NODES);
  return realEnv.now() - begin;
}

const WRITERS = 8;
const READERS = 4;
const SCENARIOS = [
  { scenario: "owner's process crashes (kill -9)", owner: true, fault: 'crash' },
  { scenario: "owner's machine is lost (guardian killed too)", owner: true, fault: 'loss' },
  { scenario: "replica's process crashes (kill -9)", owner: false, fault: 'crash' },
  { scenario: "replica's machine is lost (guardian killed too)", owner: false, fault: 'loss' },
  { scenario: 'replica stalls (SIGSTOP)', owner: false, fault: 'stall' },
] as const;

export interface OneRangeRun {
  readonly scenario: string;
  /** The longest time of one caller between two successes, ms. */
  readonly writeGapMs: number;
  readonly readGapMs: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly failedReads: number;
  readonly lost: number;
  /** Time from the restart until all replicas are in-sync again. */
  readonly backInSyncMs: number;
}

export const oneRange: Experiment<OneRangeRun> = {
  title: `${WRITERS} writers and ${READERS} fallback readers on one range:`,
  namespace: 'default',
  splitAt: [],
  async *run(cluster, client, round) {
    for (const { scenario, owner, fault } of SCENARIOS) {
      // It takes one range after the other, so that the fault reaches each node.
      const ranges = client.ranges();
      const { descriptor } = present(ranges[round % ranges.length], 'a range');
      const node = descriptor.replicas.find((one) => (one.node === descriptor.owner.node) === owner)?.node;
      const prefix = `${textOf(descriptor.start)}!failover/${round}/${scenario}/`;
      const callers = new Callers(client);
      await client.put(`${prefix}read`, '0');
      const writes = Array.from({ length: WRITERS }, (_, i) => callers.write((n) => `${prefix}${i}/${n}`));
      const reads = Array.from({ length: READERS }, () => callers.read(`${prefix}read`));
      const victim = nameOf(client, present(node, 'a replica'));
      const backInSyncMs = await applyFault(cluster, client, victim, fault, callers);
      const { acknowledged, unknownWrites: unknown, failedReads } = callers;
      const [writeGapMs, readGapMs] = [writes, reads].map((all) =>
        Math.max(...all.map((one) => one.longestMs)),
      );
      const gaps = { writeGapMs: writeGapMs ?? 0, readGapMs: readGapMs ?? 0, backInSyncMs };
      yield { scenario, ...gaps, acknowledged, unknown, failedReads, lost: await callers.countLost(prefix) };
    }
  },
  describe(run) {
    const counts = `${run.acknowledged} acknowledged, ${run.unknown} unknown, ${run.lost} lost`;
    const gaps = `write gap ${Math.round(run.writeGapMs)} ms, read gap ${Math.round(run.readGapMs)} ms`;
    const back = `in-sync again after ${Math.round(run.backInSyncMs)} ms`;
    return `${run.scenario}: ${gaps}, ${counts}, ${run.failedReads} failed reads, ${back}`;
  },
  summarize: (all) =>
    SCENARIOS.flatMap(({ scenario }) => {
      const runs = all.filter((run) => run.scenario === scenario);
      const sum = (of: (run: OneRangeRun) => number): number =>
        runs.reduce((total, run) => total + of(run), 0);
      const [lost, failed] = [sum((run) => run.lost), sum((run) => run.failedReads)];
      return [
        `${scenario}, ${runs.length} runs:`,
        `  writes: ${spreadText(runs.map(({ writeGapMs }) => writeGapMs))}`,
        `  fallback reads: ${spreadText(runs.map(({ readGapMs }) => readGapMs))}`,
        `  in-sync again: ${spreadText(runs.map(({ backInSyncMs }) => backInSyncMs))}`,
        `  ${lost} acknowledged writes lost, ${failed} fallback reads failed`,
      ];
    }),
};

const RANGES = 200;
/** Pause between two writes of one range, so that the cores are not saturated and a stall shows. */
const PAUSE_MS = 50;
const FAULTS = [
  { fault: 'crash', text: "a node's process crashes (kill -9)" },
  { fault: 'loss', text: 'its machine is lost (guardian killed too)' },
] as const;

export interface ManyRangesRun {
  readonly fault: Fault;
  /** For each range that the node owned: the longest time between two successful writes, ms. */
  readonly ownedMs: readonly number[];
  /** The same for each range that it did not own. */
  readonly otherMs: readonly number[];
  /** Number of writes that ended with an error. */
  readonly failed: number;
  readonly lost: number;
  /** Time from the restart until all replicas of all ranges are in-sync. */
  readonly backInSyncMs: number;
}

export const manyRanges: Experiment<ManyRangesRun> = {
  title: `${RANGES} ranges, one writer each with ${PAUSE_MS} ms between its writes:`,
  namespace: 'many',
  splitAt: Array.from({ length: RANGES - 1 }, (_, i) => `r${String(i + 1).padStart(4, '0')}`),
  async *run(cluster, client, round) {
    for (const { fault } of FAULTS) {
      await delay(realEnv, SETTLE_MS);
      const images = client.ranges();
      const victim = present(images[round % images.length], 'a range').descriptor.owner.node;
      const callers = new Callers(client);
      const writers = images.map(({ descriptor: { start, owner } }) => ({
        isOwned: owner.node === victim,
        waits: callers.write(() => `${textOf(start)}!`, PAUSE_MS),
      }));
      const backInSyncMs = await applyFault(cluster, client, nameOf(client, victim), fault, callers);
      const gaps = (isOwned: boolean): number[] =>
        writers.filter((writer) => writer.isOwned === isOwned).map(({ waits }) => waits.longestMs);
      const counts = { failed: callers.failedWrites, lost: await callers.countLost('') };
      yield { fault, ownedMs: gaps(true), otherMs: gaps(false), ...counts, backInSyncMs };
    }
  },
  describe({ fault, ownedMs, otherMs, failed, lost, backInSyncMs }) {
    const text = FAULTS.find((one) => one.fault === fault)?.text;
    const gaps = `writes of ranges that it owned: ${spreadText(ownedMs)}; of others: ${spreadText(otherMs)}`;
    return `${text}: ${gaps}; ${failed} failed; ${lost} lost; in-sync again after ${Math.round(backInSyncMs)} ms`;
  },
  /** The figures are over all ranges of all runs. */
  summarize: (all) =>
    FAULTS.flatMap(({ fault, text }) => {
      const runs = all.filter((run) => run.fault === fault);
      return [
        `${text}, ${runs.length} runs:`,
        `  writes of ranges that it owned: ${spreadText(runs.flatMap(({ ownedMs }) => ownedMs))}`,
        `  of others: ${spreadText(runs.flatMap(({ otherMs }) => otherMs))}`,
        `  in-sync again: ${spreadText(runs.map(({ backInSyncMs }) => backInSyncMs))}`,
      ];
    }),
};
