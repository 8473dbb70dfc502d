// All that a leader watches, and the view that it makes of it: an immutable picture, taken when everything has been read
// at least once. Observers keep it up; what matters for safety is read again before it is acted on (reread.ts).

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
import type { Observer, Zk, ZkNode } from '../common/zk/store.ts';
import {
  clusterCodec,
  decodeImage,
  decodeLive,
  decodeNamespace,
  decodeNode,
  healthCodec,
  parseRangeName,
  paths,
  rangeName,
  taskCodec,
} from '../common/zk/znodes.ts';
import type { TaskImage, Versioned, View } from './cluster-view.ts';
import { Durations } from './durations.ts';
import { Folder } from './folder.ts';
import { HealthTimes } from './health-times.ts';

const UNFINISHED: readonly string[] = ['pending', 'running'];
/** The one key of a duration that belongs to the cluster as a whole. */
const SOME_NODE = 'some node';

export class Picture {
  readonly #zk: Zk;
  readonly #logger: Logger;
  readonly #changed: () => void;
  readonly #cluster: Observer;
  readonly #nodes: Folder<Versioned<NodeRecord>>;
  readonly #live: Folder<LiveNode>;
  readonly #health: Folder<{ readonly id: NodeId; readonly record: HealthRecord }>;
  readonly #namespaces: Folder<Versioned<NamespaceRecord>>;
  readonly #tasks: Folder<TaskImage>;
  readonly #ranges = new Map<string, Folder<DescriptorImage>>();
  readonly #nodeStates: Durations<NodeId>;
  readonly #owners: Durations<RangeId>;
  readonly #reports: HealthTimes;
  readonly #someNode: Durations<string>;
  #clusterNode: ZkNode | null = null;
  /** Null: it could never be read. */
  #clusterRecord: Versioned<ClusterRecord> | null = null;

  /** `changed` is called after every change, also while the first reading is under way. */
  constructor(zk: Zk, env: Env, logger: Logger, changed: () => void) {
    this.#zk = zk;
    this.#logger = logger;
    this.#changed = changed;
    this.#nodeStates = new Durations(env);
    this.#owners = new Durations(env);
    this.#reports = new HealthTimes(env);
    this.#someNode = new Durations(env);
    this.#cluster = zk.observeData(paths.cluster, (node) => this.#learnCluster(node));
    this.#nodes = this.#folder(paths.nodes, paths.node, (id, node) => versioned(decodeNode(id, node), node));
    this.#live = this.#folder(paths.lives, paths.live, decodeLive);
    // What a persistent znode says, no node says.
    this.#health = this.#folder(paths.healths, paths.health, (id, node) =>
      node.ephemeralOwner === null ? null : { id, record: healthCodec.decode(node.data) },
    );
    this.#namespaces = this.#folder(paths.namespaces, paths.namespace, (name, node) =>
      versioned(decodeNamespace(name, node), node),
    );
    this.#tasks = this.#folder(paths.tasks, paths.task, (id, node) => ({
      id,
      ...versioned(taskIn(node), node),
    }));
  }

  /** null until all of it has been read once: a plan on half a picture would move what needs no moving. */
  view(setAside: ReadonlySet<string>): View | null {
    this.#followNamespaces();
    const folders = [
      ...[this.#nodes, this.#live, this.#health, this.#namespaces, this.#tasks],
      ...this.#ranges.values(),
    ];
    if (this.#clusterNode === null || !folders.every((folder) => folder.loaded)) return null;
    const live = new Map(this.#live.values.map((node) => [node.id, node]));
    const nodes = new Map(this.#nodes.values.map((node) => [node.record.id, node]));
    const namespaces = new Map(
      this.#namespaces.values.map((namespace) => [namespace.record.name, namespace]),
    );
    const images = this.#images();
    const ranges = images.filter(({ descriptor }) => descriptor.state === 'serving');
    const reports = this.#health.values.filter(({ id }) => live.has(id));
    const health = new Map(reports.map(({ id, record }) => [id, record]));
    return {
      cluster: this.#clusterRecord,
      nodes,
      live,
      namespaces,
      unreadableNamespaces: new Set(this.#namespaces.names.filter((name) => !namespaces.has(name))),
      ranges,
      otherRanges: images.filter(({ descriptor }) => descriptor.state !== 'serving'),
      health,
      ...this.#reports.update(nodes, live, health, ranges),
      tasks: this.#tasks.values.filter(({ record }) => UNFINISHED.includes(record.state)).sort(olderFirst),
      sameForMs: this.#nodeStates.update(statesOf(nodes, live, ranges)),
      ownedForMs: this.#owners.update(
        new Map(ranges.map(({ descriptor }) => [descriptor.id, String(descriptor.epoch)])),
      ),
      setAside,
      someNodeForMs: this.#someNode.update(new Map([[SOME_NODE, String(live.size > 0)]])).get(SOME_NODE) ?? 0,
    };
  }

  /** Tasks that are done or have failed, oldest first. */
  finishedTasks(): readonly TaskImage[] {
    return this.#tasks.values.filter(({ record }) => !UNFINISHED.includes(record.state)).sort(olderFirst);
  }

  /** What was read of these znodes just now, ahead of the observers. */
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
    this.#learnCluster(node);
  }

  /** Has the list of nodes read again. */
  kickNodes(): void {
    this.#nodes.kick();
  }

  /** Has the live znodes read again. */
  kickLive(): void {
    this.#live.kick();
  }

  close(): void {
    this.#cluster.close();
    for (const folder of [this.#nodes, this.#live, this.#health, this.#namespaces, this.#tasks])
      folder.close();
    for (const folder of this.#ranges.values()) folder.close();
  }

  #folder<T>(
    path: string,
    childPath: (name: string) => string,
    decode: (name: string, node: ZkNode) => T | null,
  ): Folder<T> {
    return new Folder({
      zk: this.#zk,
      path,
      childPath,
      decode,
      changed: this.#changed,
      logger: this.#logger,
    });
  }

  #learnCluster(node: ZkNode | null): void {
    if (node === null || (this.#clusterNode !== null && this.#clusterNode.mzxid >= node.mzxid)) return;
    this.#clusterNode = node;
    try {
      this.#clusterRecord = versioned(clusterCodec.decode(node.data), node);
    } catch (error) {
      if (!(error instanceof BadDataError)) throw error;
      this.#logger.error(
        { path: paths.cluster, reason: error.message },
        'a znode cannot be read: left as it was known',
      );
    }
    this.#changed();
  }

  /** Of those too whose own znode cannot be read: their ranges need owners all the same. */
  #followNamespaces(): void {
    const { names } = this.#namespaces;
    for (const [name, folder] of this.#ranges) {
      if (names.includes(name)) continue;
      folder.close();
      this.#ranges.delete(name);
    }
    for (const name of names) {
      if (this.#ranges.has(name)) continue;
      const rangePath = (child: string) => `${paths.ranges(name)}/${child}`;
      this.#ranges.set(
        name,
        this.#folder(paths.ranges(name), rangePath, (child, node) =>
          decodeImage(name, parseRangeName(child) ?? 0, node),
        ),
      );
    }
  }

  #images(): readonly DescriptorImage[] {
    return [...this.#ranges.values()]
      .flatMap((folder) => folder.values)
      .sort((a, b) => a.descriptor.id - b.descriptor.id);
  }
}

/**
 * A task that cannot be read has a client that waits for it, so it is a task without a request: it fails, in words
 * (plan/tasks.ts), and goes in the end like every other.
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

function versioned<T>(record: T, node: ZkNode): Versioned<T> {
  return { record, version: node.version };
}

function olderFirst(a: TaskImage, b: TaskImage): number {
  return a.record.createdAt - b.record.createdAt || (a.id < b.id ? -1 : 1);
}

/** Every node that is known of, by any znode: its session, or `dead`. */
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
