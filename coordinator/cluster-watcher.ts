// Watches everything that a leader plans by, and makes cluster views of it, once everything has been read. Observers keep the data
// up to date. What matters for safety is read again before it is used (reread.ts).

import type { Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import { LIMITS } from '../common/model/config.ts';
import type { DescriptorImage } from '../common/model/descriptor.ts';
import { BadDataError } from '../common/model/fields.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import type {
  ClusterRecord,
  HealthRecord,
  LiveNode,
  NamespaceRecord,
  NodeRecord,
  TaskRecord,
} from '../common/model/records.ts';
import { watchLiveNodes } from '../common/zk/live-nodes.ts';
import type { Observer, Zk, ZkNode } from '../common/zk/store.ts';
import { ZnodeChildren } from '../common/zk/znode-children.ts';
import { ZnodeDecoder } from '../common/zk/znode-decoder.ts';
import {
  clusterCodec,
  decodeImage,
  decodeNamespace,
  decodeNode,
  healthCodec,
  loadCodec,
  parseRangeName,
  paths,
  rangeName,
  taskCodec,
} from '../common/zk/znodes.ts';
import { type ClusterView, requestsOf, type TaskImage, type Versioned } from './cluster-view.ts';
import { Durations } from './durations.ts';
import { HealthDurations } from './health-durations.ts';
import { LoadHistory, type LoadReport } from './load-history.ts';

const UNFINISHED: readonly string[] = ['pending', 'running'];
/** The only key of the duration that concerns the whole cluster. */
const SOME_NODE = 'some node';

export interface WatcherDeps {
  readonly zk: Zk;
  readonly env: Env;
  readonly logger: Logger;
  /** Below this part of one core a range is cold. */
  readonly coldCpu: number;
}

export class ClusterWatcher {
  readonly #zk: Zk;
  readonly #logger: Logger;
  readonly #changed: () => void;
  readonly #cluster: Observer;
  readonly #clusterDecoder: ZnodeDecoder;
  readonly #nodes: ZnodeChildren<Versioned<NodeRecord>>;
  readonly #live: ZnodeChildren<LiveNode>;
  readonly #health: ZnodeChildren<HealthRecord>;
  readonly #loads: ZnodeChildren<LoadReport>;
  readonly #namespaces: ZnodeChildren<Versioned<NamespaceRecord>>;
  readonly #tasks: ZnodeChildren<TaskImage>;
  /** By namespace. */
  readonly #ranges = new Map<string, ZnodeChildren<DescriptorImage>>();
  readonly #nodeStates: Durations<NodeId>;
  readonly #owners: Durations<RangeId>;
  readonly #requests: Durations<RangeId>;
  readonly #reports: HealthDurations;
  readonly #loadHistory: LoadHistory;
  readonly #someNode: Durations<string>;
  #clusterNode: ZkNode | null = null;
  /** Null: its znode has never been readable. */
  #clusterRecord: Versioned<ClusterRecord> | null = null;

  /** @param changed called after every change, also during the first read */
  constructor({ zk, env, logger, coldCpu }: WatcherDeps, changed: () => void) {
    this.#zk = zk;
    this.#logger = logger;
    this.#changed = changed;
    this.#nodeStates = new Durations(env);
    this.#owners = new Durations(env);
    this.#requests = new Durations(env);
    this.#reports = new HealthDurations(env);
    this.#loadHistory = new LoadHistory(env, coldCpu);
    this.#someNode = new Durations(env);
    this.#clusterDecoder = new ZnodeDecoder(logger);
    this.#cluster = zk.observeData(paths.cluster, (node) => {
      if (node !== null) this.learnCluster(node);
    });
    this.#nodes = this.#watch(paths.nodes, (id, node) => versioned(decodeNode(id, node), node));
    this.#live = watchLiveNodes(zk, logger, changed);
    // A persistent znode there was not written by a node, so it is ignored.
    this.#health = this.#watch(paths.healths, (_, node) =>
      node.ephemeralOwner === null ? null : healthCodec.decode(node.data),
    );
    // Loads change all the time, so a change requests no round: the next one finds it.
    this.#loads = this.#watch(paths.loads, (_, node) => loadReportIn(node), noRound);
    this.#namespaces = this.#watch(paths.namespaces, (name, node) =>
      versioned(decodeNamespace(name, node), node),
    );
    this.#tasks = this.#watch(paths.tasks, (id, node) => ({ id, ...versioned(taskIn(node), node) }));
  }

  /**
   * The present view; null until everything has been read once, because a plan from an incomplete view would make needless moves.
   */
  view(setAside: ReadonlySet<string>): ClusterView | null {
    this.#followNamespaces();
    if (this.#clusterNode === null || !this.#all().every(({ loaded }) => loaded)) return null;
    const live = this.#live.contents;
    const nodes = this.#nodes.contents;
    const namespaces = this.#namespaces.contents;
    const images = this.#images();
    const ranges = images.filter(({ descriptor }) => descriptor.state === 'serving');
    const health = new Map([...this.#health.contents].filter(([id]) => live.has(id)));
    return {
      cluster: this.#clusterRecord,
      nodes,
      live,
      namespaces,
      unreadableNamespaces: new Set(this.#namespaces.names.filter((name) => !namespaces.has(name))),
      ranges,
      rangeIds: this.#rangeIds(),
      otherRanges: images.filter(({ descriptor }) => descriptor.state !== 'serving'),
      health,
      ...this.#reports.update(nodes, live, health, ranges),
      tasks: this.#tasksIf(({ record }) => UNFINISHED.includes(record.state)),
      sameForMs: this.#nodeStates.update(statesOf(nodes, live, ranges)),
      ownedForMs: this.#owners.update(
        new Map(ranges.map(({ descriptor }) => [descriptor.id, String(descriptor.epoch)])),
      ),
      loads: this.#loadHistory.update(reportsOf(live, this.#loads.contents), ranges),
      requestedForMs: this.#requests.update(requestsOf(ranges)),
      setAside,
      someNodeForMs: this.#someNode.update(new Map([[SOME_NODE, String(live.size > 0)]])).get(SOME_NODE) ?? 0,
    };
  }

  /** Tasks that are done or have failed, oldest first. */
  finishedTasks(): readonly TaskImage[] {
    return this.#tasksIf(({ record }) => !UNFINISHED.includes(record.state));
  }

  // A direct read of a znode, which may be newer than what the observers have.

  learnRange({ namespace, id }: { namespace: string; id: RangeId }, node: ZkNode): void {
    this.#ranges.get(namespace)?.learn(rangeName(id), node);
  }

  learnNamespace(name: string, node: ZkNode): void {
    this.#namespaces.learn(name, node);
  }

  learnNode(id: NodeId, node: ZkNode): void {
    this.#nodes.learn(id, node);
  }

  learnTask(id: string, node: ZkNode): void {
    this.#tasks.learn(id, node);
  }

  learnCluster(node: ZkNode): void {
    if (this.#clusterNode !== null && this.#clusterNode.mzxid >= node.mzxid) return;
    this.#clusterNode = node;
    this.#clusterRecord = this.#clusterDecoder.decode(paths.cluster, node, this.#clusterRecord, () =>
      versioned(clusterCodec.decode(node.data), node),
    );
    this.#changed();
  }

  /** Makes the observers read the namespace's list of ranges again. */
  kickRanges(namespace: string): void {
    this.#ranges.get(namespace)?.kick();
  }

  /** Makes the observers read the namespaces again. */
  kickNamespaces(): void {
    this.#namespaces.kick();
  }

  /** Makes the observers read the nodes' records again. */
  kickNodes(): void {
    this.#nodes.kick();
  }

  /** Makes the observers read the live znodes again. */
  kickLive(): void {
    this.#live.kick();
  }

  close(): void {
    this.#cluster.close();
    for (const children of [...this.#all(), this.#loads]) children.close();
  }

  /** All that a plan needs. It does without load reports. */
  #all(): readonly Pick<ZnodeChildren<unknown>, 'loaded' | 'close'>[] {
    const others = [this.#nodes, this.#live, this.#health, this.#namespaces, this.#tasks];
    return [...others, ...this.#ranges.values()];
  }

  #watch<T>(
    path: string,
    decode: (name: string, node: ZkNode) => T | null,
    changed = this.#changed,
  ): ZnodeChildren<T> {
    return new ZnodeChildren({ zk: this.#zk, logger: this.#logger, path, decode, changed });
  }

  #tasksIf(holds: (task: TaskImage) => boolean): TaskImage[] {
    return [...this.#tasks.contents.values()].filter(holds).sort(olderFirst);
  }

  /** Watches the ranges of every namespace, even if the namespace's own znode cannot be read: they need owners all the same. */
  #followNamespaces(): void {
    const names = new Set(this.#namespaces.names);
    for (const [name, ranges] of this.#ranges) {
      if (names.has(name)) continue;
      ranges.close();
      this.#ranges.delete(name);
    }
    for (const name of names) {
      if (this.#ranges.has(name)) continue;
      const decode = (child: string, node: ZkNode) => decodeImage(name, parseRangeName(child) ?? 0, node);
      this.#ranges.set(name, this.#watch(paths.ranges(name), decode));
    }
  }

  #rangeIds(): ReadonlySet<RangeId> {
    const ids = [...this.#ranges.values()].flatMap(({ names }) => names.map(parseRangeName));
    return new Set(ids.filter((id) => id !== null));
  }

  #images(): readonly DescriptorImage[] {
    return [...this.#ranges.values()]
      .flatMap((ranges) => [...ranges.contents.values()])
      .sort((a, b) => a.descriptor.id - b.descriptor.id);
  }
}

/**
 * The task in a znode. A task that cannot be read has a client that waits for it. So it becomes a task without a request, which
 * fails with a reason (plan/tasks.ts) and is trimmed in the end like every other.
 */
function taskIn({ data }: ZkNode): TaskRecord {
  try {
    if (data.length > LIMITS.taskBytesMax)
      throw new BadDataError(`it has ${data.length} bytes, at most ${LIMITS.taskBytesMax} are allowed`);
    return taskCodec.decode(data);
  } catch (error) {
    if (!(error instanceof BadDataError)) throw error;
    return { request: null, state: 'pending', progress: error.message, createdAt: 0 };
  }
}

function noRound(): void {}

/** Null: it was not written by a node. */
function loadReportIn({ data, mzxid, ephemeralOwner }: ZkNode): LoadReport | null {
  if (ephemeralOwner === null) return null;
  return { record: loadCodec.decode(data), version: mzxid, session: ephemeralOwner };
}

/** Those that live nodes have written in their present sessions. */
function reportsOf(
  live: ReadonlyMap<NodeId, LiveNode>,
  reports: ReadonlyMap<NodeId, LoadReport>,
): ReadonlyMap<NodeId, LoadReport> {
  return new Map([...reports].filter(([node, { session }]) => live.get(node)?.session === session));
}

function versioned<T>(record: T, node: ZkNode): Versioned<T> {
  return { record, version: node.version };
}

function olderFirst(a: TaskImage, b: TaskImage): number {
  return a.record.createdAt - b.record.createdAt || (a.id < b.id ? -1 : 1);
}

/** Every node that any znode names, with its live session or `dead`. */
function statesOf(
  nodes: ReadonlyMap<NodeId, unknown>,
  live: ReadonlyMap<NodeId, LiveNode>,
  ranges: readonly DescriptorImage[],
): ReadonlyMap<NodeId, string> {
  const states = new Map<NodeId, string>();
  for (const node of nodes.keys()) states.set(node, 'dead');
  for (const { descriptor } of ranges) for (const { node } of descriptor.replicas) states.set(node, 'dead');
  for (const { id, session } of live.values()) states.set(id, session);
  return states;
}
