// The end of a run. All faults are over, and within a bound of virtual time the cluster must recover: every range takes writes,
// and every replica has the same rows at the same seq. What clients then read shows whether acknowledged writes were lost.

import { RangekeeperError } from '../../common/base/errors.ts';
import { type Descriptor, incOf } from '../../common/model/descriptor.ts';
import type { RangeId } from '../../common/model/ids.ts';
import { type KeyRange, wholeKeySpace } from '../../common/model/key-range.ts';
import type { NodeStatus, ReplicaStatus } from '../../common/model/status.ts';
import type { Row } from '../../kvnode/storage/storage.ts';
import type { FinalRow } from './checkers/durability.ts';
import { checkReplicasAgree, checkReplicasSettled, type ReplicaSample } from './checkers/replicas.ts';
import type { Action, Outcome } from './history.ts';
import type { NodeProcess } from './node-process.ts';
import type { Cluster } from './sim-cluster.ts';
import { comesToRest, Housekeeping, leavesNoOrphans, leavesNothing, tasksUnderWay } from './tasks-end.ts';
import { STEP_MS, within } from './within.ts';
import type { Process } from './world/host.ts';
import { NOTICED_MS } from './zookeeper-restored.ts';

/** Time for sessions to end, for lost nodes to be replaced and for learners to catch up, ms. */
const WRITABLE_MS = 20_000;
const EQUAL_MS = 60_000;
const REBUILT_MS = 120_000;
/** Maximum number of comparisons; ranges stop moving between nodes after fewer. */
const COMPARISONS_MAX = 20;
/** Makes rows so large that ranges are split for it. */
const PADDING = '.'.repeat(60);
const ALL_ROWS = {
  limitRows: 10_000,
  limitBytes: 64 * 1024 * 1024,
  reverse: false,
  valueBytesMax: null,
  countOnly: false,
};

/** Returns the rows that a client read at the end; null if a violation was found before. */
export async function checkHealed(cluster: Cluster): Promise<readonly FinalRow[] | null> {
  await readLatentDamage(cluster);
  if (!(await becomesWritable(cluster))) return null;
  cluster.world.story.record('END', 'every range takes writes', true);
  const underWay = () =>
    cluster.clients.some((client) => client.underWay > 0) ? 'operations are under way' : null;
  if (!(await within(cluster, 20_000, 'all operations of running clients end', underWay))) return null;
  if (!(await becomesEqual(cluster))) return null;
  cluster.world.story.record('END', 'all replicas are in-sync', true);
  if (!(await comesToRest(cluster)) || !(await leavesNothing(cluster))) return null;
  if (!(await leavesNoOrphans(cluster))) return null;
  cluster.world.story.record('END', 'the leader is at rest', true);
  if (!(await plantedRowsAreRemoved(cluster))) return null;
  await compareRows(cluster);
  return readAll(cluster);
}

/** Reads all rows on each disk with latent damage, as a scrub does, so that the damage is detected. */
async function readLatentDamage(cluster: Cluster): Promise<void> {
  const damaged = cluster.nodes.filter((node) => node.damaged === 'latent');
  // A node that was damaged a moment ago is starting, and may detect the damage itself.
  const starting = () => damaged.some((node) => node.damaged === 'latent' && node.node === null);
  await within(cluster, WRITABLE_MS, 'damaged nodes are up', () => (starting() ? 'some are not' : null));
  const scans: { readonly process: Process; ended: boolean }[] = [];
  for (const { host, node, storage } of damaged) {
    const { process } = host;
    for (const { range, role } of node?.status().replicas ?? []) {
      if (role === 'void') continue;
      const scan = { process, ended: false };
      scans.push(scan);
      const end = (): void => {
        scan.ended = true;
      };
      process.gate(() => void storage?.scan(range, wholeKeySpace, ALL_ROWS).then(end, end))();
    }
  }
  const underWay = () => scans.some(({ process, ended }) => process.alive && !ended);
  await within(cluster, 10_000, 'what is damaged is read', () => (underWay() ? 'scans are under way' : null));
  for (const node of damaged) node.damaged = null;
}

/** Waits until a put to every key has been acknowledged. */
async function becomesWritable(cluster: Cluster): Promise<boolean> {
  const { world, keys } = cluster;
  const done = new Set<string>();
  const asked = new Set<string>();
  const ask = (key: string): void => {
    const value = `${cluster.history.operations.length} healed ${PADDING}`;
    const request: Action = { kind: 'write', mutations: [{ kind: 'put', key, value, ifRevision: null }] };
    const answer = cluster.anyClient.ask(request);
    if (answer === null) return;
    asked.add(key);
    void answer.then((result) => {
      asked.delete(key);
      if (result.kind === 'written') done.add(key);
    });
  };
  const begun = world.clock.now;
  const bound = WRITABLE_MS + detectionDelayMs(cluster) + (cluster.admin.isRaising ? NOTICED_MS : 0);
  const isWritable = await within(cluster, bound, 'every key can be written', () => {
    const left = keys.filter((key) => !done.has(key));
    for (const key of left) if (!asked.has(key)) ask(key);
    return left.length === 0 ? null : `not ${left.join(' ')}`;
  });
  world.story.count('heal-ms', Math.round(world.clock.now - begun));
  return isWritable;
}

/**
 * How much later a range may become writable, ms. If an in-sync set is at its minimum and names a node that is gone, the leader
 * adds a new replica at once, but only if it knows that the node is gone. It does not know that if only an older copy of the
 * node's disk was set aside, because the newer one might come back. It does not know it either if the node was marked as gone after
 * the backup from which ZooKeeper was restored.
 */
function detectionDelayMs({ nodes, timesRestored, settings }: Cluster): number {
  return timesRestored > 0 || nodes.some(({ newestDiskLost }) => newestDiskLost)
    ? settings.replaceAfterMs
    : 0;
}

interface Placed {
  readonly node: NodeProcess;
  readonly status: ReplicaStatus;
}

function statusesOf(cluster: Cluster): ReadonlyMap<number, readonly Placed[]> {
  const descriptors = new Map(cluster.descriptors.map((descriptor) => [descriptor.id, descriptor]));
  const byRange = new Map<number, Placed[]>();
  for (const node of cluster.nodes) {
    const status: NodeStatus | undefined = node.node?.status();
    for (const replica of status?.replicas ?? []) {
      if (isUnknown(descriptors.get(replica.range), replica, status?.node)) continue;
      const placed = byRange.get(replica.range) ?? [];
      byRange.set(replica.range, [...placed, { node, status: replica }]);
    }
  }
  return byRange;
}

/** Whether ZooKeeper was restored to a state before the replica was added. It is kept, but nobody uses it (R9). */
function isUnknown(descriptor: Descriptor | undefined, { inc }: ReplicaStatus, node = ''): boolean {
  return descriptor !== undefined && incOf(descriptor, node) === undefined && inc >= descriptor.nextInc;
}

/** Why the replicas are not yet complete and equal; null: they are. */
function unequal(cluster: Cluster): string | null {
  if (cluster.noted.size > 0) return `${[...cluster.noted].join(' ')} is noted as unreachable`;
  const tasks = tasksUnderWay(cluster);
  if (tasks !== null) return tasks;
  const [ended] = cluster.ended;
  if (ended !== undefined) return `range ${ended.id} has ended, and its descriptor is still there`;
  const statuses = statusesOf(cluster);
  for (const { id, replicas, inSync, reshape } of cluster.descriptors) {
    if (reshape !== null) return `range ${id} is still to be replaced`;
    if (inSync.length < Math.min(3, cluster.nodes.length) || inSync.length < replicas.length)
      return `range ${id} has in-sync ${inSync.length} of ${replicas.length}`;
    const placed = statuses.get(id) ?? [];
    if (placed.length !== replicas.length) return `range ${id} is on ${placed.length} nodes`;
    const places = placed.map(({ status: { lastSeq, appliedSeq } }) => `${lastSeq}/${appliedSeq}`);
    const seqs = new Set(placed.flatMap(({ status: { lastSeq, appliedSeq } }) => [lastSeq, appliedSeq]));
    if (seqs.size !== 1) return `range ${id} is at ${places.join(' ')}`;
  }
  return null;
}

function becomesEqual(cluster: Cluster): Promise<boolean> {
  // A node that was noted as stuck gets no new replica for ten times replaceAfterMs (coordinator/plan/notes.ts).
  const wasStuck = [...cluster.stuck].some((id) => cluster.hasNothingBehind(id));
  if (wasStuck) cluster.world.story.count('recovery waits for a node that was stuck');
  const bound = EQUAL_MS + (wasStuck ? 10 * cluster.settings.replaceAfterMs : 0);
  const housekeeping = new Housekeeping(cluster);
  return within(
    cluster,
    bound,
    'all tasks end, and all replicas are in-sync and equal',
    () => housekeeping.review() ?? unequal(cluster),
  );
}

/** Waits until a scrub has found the row that only one replica has, and that replica has been rebuilt. */
async function plantedRowsAreRemoved(cluster: Cluster): Promise<boolean> {
  const { world } = cluster;
  if (cluster.plantedRows === 0) return true;
  const end = world.clock.now + REBUILT_MS;
  for (;;) {
    const samples = await sampleRows(cluster);
    if (samples === null) return false;
    const found = checkReplicasAgree(samples);
    if (found.length === 0) return true;
    if (world.clock.now >= end) {
      world.violation('scrub', `not rebuilt within ${REBUILT_MS} ms: ${found[0]?.text}`);
      return false;
    }
    const next = world.clock.now + 10 * STEP_MS;
    await world.clock.run(() => world.clock.now >= next);
    if (!(await becomesEqual(cluster))) return false;
  }
}

/**
 * Compares the rows of all replicas. Different rows at one seq are a violation at once. A replica that is behind is one only if
 * its range has not changed during the comparison.
 */
async function compareRows(cluster: Cluster): Promise<void> {
  for (let attempts = 1; ; attempts++) {
    const before = lastSeqs(cluster);
    const samples = await sampleRows(cluster);
    if (samples === null) return;
    // Scrub checks and the EpochStart of a new owner are entries of the log, so a range may change meanwhile. A replica that the
    // leader has just added may be empty.
    const after = lastSeqs(cluster);
    const growing = new Set(
      cluster.descriptors.flatMap(({ id, inSync, replicas }) =>
        inSync.length < replicas.length ? [id] : [],
      ),
    );
    const unchanged = samples.filter(
      ({ range }) => before.get(range) === after.get(range) && !growing.has(range),
    );
    const found = [...checkReplicasAgree(samples), ...checkReplicasSettled(unchanged)];
    for (const { checker, text } of found) cluster.world.violation(checker, text);
    const isDone = unchanged.length === samples.length || attempts === COMPARISONS_MAX;
    if (isDone || !(await becomesEqual(cluster))) return;
  }
}

/** The last seqs that the replicas of each range have logged and applied, as one text for each range. */
function lastSeqs(cluster: Cluster): ReadonlyMap<number, string> {
  const ofRange = ([range, placed]: readonly [number, readonly Placed[]]) =>
    [range, placed.map(({ status: { lastSeq, appliedSeq } }) => `${lastSeq}/${appliedSeq}`).join()] as const;
  return new Map([...statusesOf(cluster)].map(ofRange));
}

/**
 * The rows of each replica that is not removed meanwhile, and whose process does not end; null, with a violation reported, if they
 * cannot be read.
 */
async function sampleRows(cluster: Cluster): Promise<readonly ReplicaSample[] | null> {
  const samples: ReplicaSample[] = [];
  const scans: { readonly process: Process; ended: boolean }[] = [];
  for (const [range, placed] of statusesOf(cluster)) {
    const bounds = cluster.descriptors.find(({ id }) => id === range) ?? wholeKeySpace;
    for (const { node, status } of placed) {
      // The leader has just added it.
      if (status.role === 'void') continue;
      const { process } = node.host;
      const scan = { process, ended: false };
      scans.push(scan);
      const take = (sample: ReplicaSample | null): void => {
        scan.ended = true;
        if (sample !== null) samples.push(sample);
      };
      process.gate(() => void sampleOf(node, range, bounds).then(take, (error) => process.crash(error)))();
    }
  }
  const underWay = () =>
    scans.some(({ process, ended }) => process.alive && !ended) ? 'scans are under way' : null;
  return (await within(cluster, 10_000, 'the rows of all replicas are read', underWay)) ? samples : null;
}

/** Null: the replica was removed, because the leader has just moved it to another node. */
async function sampleOf(node: NodeProcess, range: RangeId, bounds: KeyRange): Promise<ReplicaSample | null> {
  try {
    const page = await node.storage?.scan(range, bounds, ALL_ROWS);
    if (page === undefined) return null;
    const checksum = page.rows.decode().map(rowText).join('\n');
    return { node: node.host.name, range, seq: page.applied, checksum };
  } catch (error) {
    if (error instanceof RangekeeperError && (error.code === 'NOT_OWNER' || error.code === 'BEHIND'))
      return null;
    throw error;
  }
}

function rowText({ key, value, revision }: Row): string {
  return `${Buffer.from(key)}@${revision}=${Buffer.from(value).toString('latin1')}`;
}

/** Linearizable reads of all keys, for the checkers of the history. */
async function readAll(cluster: Cluster): Promise<readonly FinalRow[] | null> {
  const results: (Outcome | null)[] = cluster.keys.map(() => null);
  for (const [index, key] of cluster.keys.entries()) {
    const answer = cluster.anyClient.ask({ kind: 'read', key, mode: 'linearizable' });
    void answer?.then((result) => {
      results[index] = result;
    });
  }
  const all = () => (results.every((result) => result?.kind === 'read') ? null : 'not all keys were read');
  if (!(await within(cluster, 10_000, 'every key can be read', all))) return null;
  return results.flatMap((result, index) => {
    if (result?.kind !== 'read' || result.value === null) return [];
    return [{ key: cluster.keys[index] as string, value: result.value, revision: result.revision }];
  });
}
