// After the faults: every task ends, and then the leader has nothing more to do. An administrator first takes back what was asked for a
// while, since a task may wait for that.

import type { NodeId } from '../../common/model/ids.ts';
import { wholeKeySpace } from '../../common/model/key-range.ts';
import type { TaskRecord, TaskRequest } from '../../common/model/records.ts';
import { namespaceCodec, nodeCodec, paths, taskCodec } from '../../common/zk/znodes.ts';
import { rowBounds } from '../../kvnode/storage/state/stored-keys.ts';
import type { Cluster } from './sim-cluster.ts';
import { within } from './within.ts';
import type { ZkEnsemble } from './world/zk-ensemble.ts';

/** An administrator asks again after this time, ms. */
const AGAIN_MS = 3_000;
/** The leader must come to rest within this time, ms: ranges are merged in rounds, one after the other. */
const REST_MS = 180_000;
/** A leader that changes nothing for so long, ms, is at rest; what its decisions wait for comes on top. */
const QUIET_MS = 3_000;
/** Nodes measure their ranges every five seconds, and report that every five seconds. */
const REPORTED_MS = 10_000;
/** What is evened out after a longer time is not waited for, ms. */
const BALANCE_MS_MAX = 10_000;
const STEPS_SHOWN = 8;

export interface OpenTask extends TaskRecord {
  readonly id: string;
}

/** The tasks that have not ended, as they are in ZooKeeper. */
export function openTasks({ tree }: ZkEnsemble): readonly OpenTask[] {
  return (tree.children(paths.tasks) ?? []).flatMap((id) => {
    const node = tree.get(paths.task(id));
    const record = node === null ? null : taskCodec.decode(node.data);
    return record === null || record.state === 'done' || record.state === 'failed' ? [] : [{ id, ...record }];
  });
}

/** Why tasks are still under way; null: none is. */
export function tasksUnderWay({ admin, operator, ensemble }: Cluster): string | null {
  if (!admin.busy && !operator.busy) return null;
  const texts = openTasks(ensemble).map(({ id, request, state, progress }) => {
    return `task ${id} ${JSON.stringify(request)} is ${state}: ${progress}`;
  });
  return texts.length === 0 ? 'an administrator has not sent its request yet' : texts.join('; ');
}

/** Takes back what was asked for a while and was not taken back by then. */
export class Housekeeping {
  readonly #cluster: Cluster;
  readonly #asked = new Map<string, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** What is to be taken back, and was asked to be; null: nothing. */
  review(): string | null {
    const requests = [...this.#places(), ...this.#modes(), ...this.#namespaces()];
    for (const request of requests) this.#ask(request);
    return requests.length === 0 ? null : `an administrator takes back: ${JSON.stringify(requests)}`;
  }

  #ask(request: TaskRequest): void {
    const { world, operator } = this.#cluster;
    const text = JSON.stringify(request);
    if ((this.#asked.get(text) ?? Number.NEGATIVE_INFINITY) + AGAIN_MS > world.clock.now) return;
    this.#asked.set(text, world.clock.now);
    operator.ask(request);
  }

  #places(): readonly TaskRequest[] {
    return this.#cluster.descriptors
      .filter(({ placement }) => placement.pinned || placement.home !== null)
      .map(({ id }) => ({ kind: 'pin', range: id, pinned: false }));
  }

  /** Nodes that are there are active. Those that will never come back are gone, if something waits for them. */
  #modes(): readonly TaskRequest[] {
    const { ensemble, ended, nodes } = this.#cluster;
    const modeOf = (node: NodeId) => {
      const znode = ensemble.tree.get(paths.node(node));
      return znode === null ? null : nodeCodec.decode(znode.data).mode;
    };
    const there = nodes.flatMap(({ nodeId }) => nodeId ?? []);
    const away = ended.flatMap(({ state, replicas }) =>
      state === 'dropped' ? replicas.map(({ node }) => node).filter((node) => !there.includes(node)) : [],
    );
    const set = (ids: readonly NodeId[], mode: 'active' | 'gone'): TaskRequest[] =>
      [...new Set(ids)]
        .filter((node) => (modeOf(node) ?? mode) !== mode)
        .map((node) => ({ kind: 'set-node-mode', node, mode }));
    return [...set(there, 'active'), ...set(away, 'gone')];
  }

  #namespaces(): readonly TaskRequest[] {
    const { ensemble, guest } = this.#cluster;
    const requests: TaskRequest[] = [];
    if (guest?.isUnwanted === true && ensemble.tree.get(paths.namespace(guest.name)) !== null)
      requests.push(guest.drop());
    const znode = ensemble.tree.get(paths.namespace('default'));
    if (znode !== null && namespaceCodec.decode(znode.data).replicationFactor < 3)
      requests.push({ kind: 'alter-namespace', name: 'default', replicationFactor: 3 });
    return requests;
  }
}

/** Waits until the leader changes nothing any more: a plan that makes work for the next one would go on for ever. */
export async function comesToRest(cluster: Cluster): Promise<boolean> {
  const { world, settings, leaderSteps } = cluster;
  const { balanceAfterMs, decisions, session } = settings;
  const { mergeAfterMs = 0 } = decisions;
  const decidesMs = Object.keys(decisions).length === 0 ? 0 : REPORTED_MS + mergeAfterMs;
  const waitMs = session.pollMs + decidesMs + (balanceAfterMs > BALANCE_MS_MAX ? 0 : balanceAfterMs);
  const begun = world.clock.now;
  const isAtRest = await within(cluster, REST_MS, 'the leader comes to rest', () => {
    const underWay = tasksUnderWay(cluster);
    if (underWay !== null) return underWay;
    const last = Math.max(begun, leaderSteps.at(-1)?.at ?? 0);
    if (last + QUIET_MS + waitMs <= world.clock.now) return null;
    const texts = leaderSteps.slice(-STEPS_SHOWN).map(({ at, reason }) => `${Math.round(at)} ${reason}`);
    return `it goes on:\n  ${texts.join('\n  ')}`;
  });
  world.story.count('rest-ms', Math.round(world.clock.now - begun));
  return isAtRest;
}

/**
 * Waits until nothing of dropped namespaces is left: no replica, no row, and no answer but that the namespace is not there. A node from
 * whose replica nothing was wanted any more before the drop may not have wiped it by then, and nobody tells it later.
 */
export async function leavesNothing(cluster: Cluster): Promise<boolean> {
  const gone = cluster.guests.filter(({ goneAt }) => goneAt !== null);
  for (const guest of gone) {
    const { id, holders } = guest;
    const kept = new Set<string>();
    const isClean = await within(cluster, 20_000, 'dropped ranges leave nothing on disks', () => {
      for (const { host, node, nodeId, disk } of cluster.nodes) {
        const left = node?.status().replicas.filter(({ range }) => holders.has(range)) ?? [];
        const replica = left.find(({ range }) => holders.get(range)?.includes(nodeId ?? ''));
        if (replica !== undefined) return `${host.name} has a replica of range ${replica.range}`;
        const { start, end } = rowBounds(id ?? 0, wholeKeySpace);
        if (left.length === 0 && disk.hasWithin(start, end))
          return `${host.name} has rows of namespace ${guest.name}, ${id}`;
        if (left.length > 0) kept.add(host.name);
      }
      return null;
    });
    if (kept.size > 0) cluster.world.story.count('a node keeps what it should have wiped before a drop');
    if (!isClean || !(await isUnknown(cluster, guest))) return false;
  }
  return true;
}

/**
 * Waits until no node keeps a replica of a range that was replaced, if a descriptor still says that. Nodes read all descriptors every 30 s.
 * A replica that has seen a later epoch is from a history that a restored ZooKeeper has lost.
 */
export function leavesNoOrphans(cluster: Cluster): Promise<boolean> {
  return within(cluster, 40_000, 'replicas of ranges that have ended are gone', () => {
    const endedIn = new Map(
      cluster.descriptors.flatMap(({ parents }) => parents.map(({ range, final }) => [range, final.epoch])),
    );
    for (const { host, node } of cluster.nodes) {
      const { orphans = [], replicas = [] } = node?.status() ?? {};
      const left = replicas.find(
        ({ range, epochSeen }) => orphans.includes(range) && (endedIn.get(range) ?? 0) >= epochSeen,
      );
      if (left !== undefined) return `${host.name} has a replica of range ${left.range}`;
    }
    return null;
  });
}

async function isUnknown(cluster: Cluster, { client, keys }: Cluster['guests'][number]): Promise<boolean> {
  let code: string | null = null;
  const key = keys[0] as string;
  const answer = client.ask({ kind: 'read', key, mode: 'linearizable' });
  if (answer === null) return true;
  cluster.world.story.count('a client of a dropped namespace asks');
  void answer.then((outcome) => {
    code = outcome.kind === 'failed' ? outcome.code : outcome.kind;
  });
  return within(cluster, 10_000, 'a client of a dropped namespace learns that', () =>
    code === 'UNKNOWN_NAMESPACE' ? null : `it got ${code}`,
  );
}
