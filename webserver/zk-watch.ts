// The state of the cluster in ZooKeeper. Every znode that the page shows is observed, and each change gives a new
// `ClusterView`. Only the leader and the webserver watch all ranges. The number of paths that a webserver watches is bounded,
// because each costs a watch in ZooKeeper, and a read after each reconnect.

import { type Env, every, type Timer } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { DescriptorImage } from '../common/model/descriptor.ts';
import type { LoadRecord } from '../common/model/load.ts';
import type { ClusterRecord, LiveNode, NamespaceRecord, NodeRecord } from '../common/model/records.ts';
import { leaderAmong, standsInQueue } from '../common/zk/election-queue.ts';
import { watchLiveNodes } from '../common/zk/live-nodes.ts';
import type { Zk, ZkNode } from '../common/zk/store.ts';
import { ZnodeChildren } from '../common/zk/znode-children.ts';
import { ZnodeDecoder } from '../common/zk/znode-decoder.ts';
import {
  clusterCodec,
  coordinatorCodec,
  decodeImage,
  decodeNamespace,
  decodeNode,
  loadCodec,
  parseRangeName,
  paths,
  taskCodec,
} from '../common/zk/znodes.ts';
import { type ClusterView, emptyView, type ViewSource } from './cluster-view.ts';
import type { CoordinatorRow } from './feed.ts';
import type { TaskImage } from './page-tasks.ts';
import { ZkEvents } from './zk-events.ts';

/** The bound for the ranges of all namespaces together. */
const RANGES_MAX = 4_000;
/** The bound for each of nodes, live znodes, coordinators and namespaces. */
const OTHERS_MAX = 500;
/** The leader keeps about a hundred tasks that have ended. Names say nothing of age, so what is left out may be any. */
const TASKS_MAX = 2_000;
/** How often ZooKeeper is asked whether it answers. */
const PROBE_MS = 500;
/**
 * ZooKeeper counts as silent once a read has waited for this long. The session would find a silent connection only seconds later, when
 * the owners' leases have already lapsed.
 */
const LATE_MS = 700;

type Coordinator = Omit<CoordinatorRow, 'leader'>;
type Namespace = { readonly record: NamespaceRecord; readonly ranges: ZnodeChildren<DescriptorImage> };

export class ZkWatch implements ViewSource {
  view: ClusterView = emptyView;
  readonly #zk: Zk;
  readonly #env: Env;
  readonly #logger: Logger;
  readonly #listeners = new Set<() => void>();
  readonly #closers: (() => void)[] = [];
  readonly #namespaces: ZnodeChildren<NamespaceRecord>;
  readonly #ranges = new Map<string, ZnodeChildren<DescriptorImage>>();
  readonly #nodes: ZnodeChildren<NodeRecord>;
  readonly #live: ZnodeChildren<LiveNode>;
  readonly #coordinators: ZnodeChildren<Coordinator>;
  /** For znodes that no ZnodeChildren decodes, and for coordinators, which count even if they cannot be decoded. */
  readonly #decoder: ZnodeDecoder;
  readonly #events: ZkEvents;
  readonly #tasks: ZnodeChildren<TaskImage>;
  readonly #loads: ZnodeChildren<LoadRecord>;
  #cluster: ClusterRecord | null = null;
  #zookeeper = false;
  #zookeeperSince: number | null = null;
  #hasAnswered = false;
  #probing = false;
  #announcing: Timer | null = null;

  /** @param zk closed with this object */
  constructor(zk: Zk, env: Env, logger: Logger) {
    this.#zk = zk;
    this.#env = env;
    this.#logger = logger;
    this.#decoder = new ZnodeDecoder(logger);
    const cluster = zk.observeData(paths.cluster, (node) => {
      this.#readCluster(node);
      this.#changed();
    });
    const othersMax = () => OTHERS_MAX;
    this.#namespaces = this.#watch(paths.namespaces, decodeNamespace, othersMax);
    this.#nodes = this.#watch(paths.nodes, decodeNode, othersMax);
    this.#live = watchLiveNodes(zk, logger, () => this.#changed(), othersMax);
    this.#coordinators = this.#watch(
      paths.coordinators,
      (name, node) => this.#coordinatorIn(name, node),
      othersMax,
    );
    const decodeTask = (id: string, { data }: ZkNode): TaskImage => ({ id, record: taskCodec.decode(data) });
    this.#tasks = this.#watch(paths.tasks, decodeTask, () => TASKS_MAX);
    this.#loads = this.#watch(paths.loads, (_, { data }) => loadCodec.decode(data), othersMax);
    this.#events = new ZkEvents(zk, env, logger, () => this.#changed());
    const probe = every(env, PROBE_MS, () => void this.#probe());
    const sessions = zk.onSession(() => void this.#probe());
    this.#closers.push(
      () => cluster.close(),
      () => probe.cancel(),
      sessions,
    );
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#announcing?.cancel();
    for (const close of this.#closers) close();
    for (const ranges of this.#ranges.values()) ranges.close();
    for (const watched of [this.#namespaces, this.#nodes, this.#live, this.#coordinators]) watched.close();
    for (const watched of [this.#events, this.#tasks, this.#loads]) watched.close();
    await this.#zk.close();
  }

  #watch<T>(
    path: string,
    decode: (name: string, node: ZkNode) => T | null,
    watchedMax: () => number,
  ): ZnodeChildren<T> {
    const changed = () => this.#changed();
    return new ZnodeChildren({ zk: this.#zk, logger: this.#logger, path, decode, changed, watchedMax });
  }

  #readCluster(node: ZkNode | null): void {
    if (node === null) this.#cluster = null;
    else
      this.#cluster = this.#decoder.decode(paths.cluster, node, this.#cluster, () =>
        clusterCodec.decode(node.data),
      );
  }

  /**
   * A coordinator stands in the queue whatever its znode holds. If it could never be decoded, its name takes the place of its
   * host.
   */
  #coordinatorIn(name: string, node: ZkNode): Coordinator | null {
    if (!standsInQueue(node)) return null;
    const known = this.#coordinators.contents.get(name) ?? { name, host: name, pid: 0, address: '' };
    return this.#decoder.decode(paths.coordinator(name), node, known, () => {
      const { host, pid, address } = coordinatorCodec.decode(node.data);
      return { name, host, pid, address };
    });
  }

  /** Observes the ranges of all present namespaces, and stops observing those of removed ones. */
  #followNamespaces(): readonly Namespace[] {
    for (const [name, ranges] of this.#ranges) {
      if (this.#namespaces.contents.has(name)) continue;
      ranges.close();
      this.#ranges.delete(name);
    }
    return [...this.#namespaces.contents].map(([name, record]) => ({ record, ranges: this.#rangesOf(name) }));
  }

  #rangesOf(name: string): ZnodeChildren<DescriptorImage> {
    const known = this.#ranges.get(name);
    if (known !== undefined) return known;
    const made: ZnodeChildren<DescriptorImage> = this.#watch(
      paths.ranges(name),
      (child, node) => decodeImage(name, parseRangeName(child) ?? 0, node),
      () => Math.max(0, RANGES_MAX - this.#rangesWatchedExcept(made)),
    );
    this.#ranges.set(name, made);
    return made;
  }

  #rangesWatchedExcept(one: ZnodeChildren<DescriptorImage>): number {
    const others = [...this.#ranges.values()].filter((ranges) => ranges !== one);
    return others.reduce((sum, { watched }) => sum + watched, 0);
  }

  /** Asks ZooKeeper for an answer, because neither the session nor watches show at once that a connection is broken. */
  async #probe(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    const askedAt = this.#env.wallNow();
    const late = this.#env.after(LATE_MS, () => this.#answers(false, askedAt));
    try {
      const session = this.#zk.session;
      await session?.get(paths.cluster);
      if (session === null) this.#answers(false, askedAt);
      else this.#answers(true, this.#env.wallNow());
    } catch {
      this.#answers(false, askedAt);
    } finally {
      late.cancel();
      this.#probing = false;
    }
  }

  #answers(zookeeper: boolean, since: number): void {
    if (this.#zookeeper === zookeeper) return;
    this.#zookeeper = zookeeper;
    this.#zookeeperSince = this.#hasAnswered ? since : null;
    this.#hasAnswered = true;
    this.#changed();
  }

  /** Announces a burst of changes, such as the first read, once. */
  #changed(): void {
    this.#announcing ??= this.#env.after(0, () => {
      this.#announcing = null;
      this.view = this.#makeView();
      for (const listener of this.#listeners) listener();
    });
  }

  #makeView(): ClusterView {
    const namespaces = this.#followNamespaces();
    return {
      zookeeper: this.#zookeeper,
      zookeeperSince: this.#zookeeperSince,
      cluster: this.#cluster,
      namespaces: namespaces.map(({ record }) => record),
      ranges: namespaces.flatMap(({ ranges }) => [...ranges.contents.values()]),
      rangesNotShown: namespaces.reduce((sum, { ranges }) => sum + ranges.unwatched, 0),
      nodes: [...this.#nodes.contents.values()],
      live: [...this.#live.contents.values()],
      coordinators: withLeader(this.#coordinators.contents),
      events: this.#events.rows,
      tasks: [...this.#tasks.contents.values()],
      tasksNotRead: this.#tasks.unwatched,
      loads: this.#loads.contents,
    };
  }
}

function withLeader(standing: ReadonlyMap<string, Coordinator>): readonly CoordinatorRow[] {
  const leader = leaderAmong(standing.keys());
  return [...standing.values()].map((row) => ({ ...row, leader: row.name === leader }));
}
