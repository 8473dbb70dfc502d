// The whole cluster as ZooKeeper tells it: every znode that the page shows is observed, and each change gives a new
// `ClusterView`. Only the leader and the webserver watch the whole map; how much of it one webserver watches is bounded,
// because all watched paths must fit the one packet that re-sends them after a reconnect.

import { type Env, every, type Timer } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { DescriptorImage } from '../common/model/descriptor.ts';
import { BadDataError } from '../common/model/fields.ts';
import type { ClusterRecord, LiveNode, NamespaceRecord, NodeRecord } from '../common/model/records.ts';
import type { Zk, ZkNode } from '../common/zk/store.ts';
import {
  clusterCodec,
  coordinatorCodec,
  decodeImage,
  decodeLive,
  decodeNamespace,
  decodeNode,
  inSequence,
  parseRangeName,
  paths,
} from '../common/zk/znodes.ts';
import { type ClusterView, emptyView, type ViewSource } from './cluster-view.ts';
import type { CoordinatorRow } from './feed.ts';
import { ZkEvents } from './zk-events.ts';
import { Family } from './zk-family.ts';

/** Over all namespaces: about 100 bytes a path of a packet that may have 1 MB. */
const RANGES_MAX = 4_000;
/** Nodes, live znodes, coordinators and namespaces, each. */
const OTHERS_MAX = 500;
/** How often ZooKeeper is asked whether it is there. */
const PROBE_MS = 1_000;

type Namespace = { readonly record: NamespaceRecord; readonly ranges: Family<DescriptorImage> };

export class ZkWatch implements ViewSource {
  view: ClusterView = emptyView;
  readonly #zk: Zk;
  readonly #env: Env;
  readonly #logger: Logger;
  readonly #listeners = new Set<() => void>();
  readonly #closers: (() => void)[] = [];
  readonly #namespaces: Family<NamespaceRecord>;
  readonly #ranges = new Map<string, Family<DescriptorImage>>();
  readonly #nodes: Family<NodeRecord>;
  readonly #live: Family<LiveNode>;
  readonly #coordinators: Family<Omit<CoordinatorRow, 'leader'>>;
  readonly #events: ZkEvents;
  #cluster: ClusterRecord | null = null;
  #zookeeper = false;
  #probing = false;
  #announcing: Timer | null = null;

  /** Takes over `zk`: closes it with itself. */
  constructor(zk: Zk, env: Env, logger: Logger) {
    this.#zk = zk;
    this.#env = env;
    this.#logger = logger;
    const cluster = zk.observeData(paths.cluster, (node) => {
      this.#readCluster(node);
      this.#changed();
    });
    this.#namespaces = this.#family(paths.namespaces, paths.namespace, decodeNamespace);
    this.#nodes = this.#family(paths.nodes, paths.node, decodeNode);
    this.#live = this.#family(paths.lives, paths.live, decodeLive);
    this.#coordinators = this.#family(paths.coordinators, paths.coordinator, (name, node) => {
      const { host, pid, address } = coordinatorCodec.decode(node.data);
      return { name, host, pid, address };
    });
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
    for (const family of [this.#namespaces, this.#nodes, this.#live, this.#coordinators, this.#events])
      family.close();
    await this.#zk.close();
  }

  #family<T>(
    parent: string,
    child: (name: string) => string,
    decode: ConstructorParameters<typeof Family<T>>[1]['decode'],
    max = OTHERS_MAX,
  ): Family<T> {
    return new Family<T>(this.#zk, {
      parent,
      child,
      decode,
      max,
      logger: this.#logger,
      changed: () => this.#changed(),
    });
  }

  #readCluster(node: ZkNode | null): void {
    try {
      this.#cluster = node === null ? null : clusterCodec.decode(node.data);
    } catch (error) {
      if (!(error instanceof BadDataError)) throw error;
      this.#logger.warn({ path: paths.cluster, reason: error.message }, 'a znode cannot be read');
    }
  }

  /** A namespace's ranges are observed for as long as the namespace is there. */
  #followNamespaces(): readonly Namespace[] {
    for (const [name, ranges] of this.#ranges) {
      if (this.#namespaces.rows.has(name)) continue;
      ranges.close();
      this.#ranges.delete(name);
    }
    return [...this.#namespaces.rows].map(([name, record]) => ({ record, ranges: this.#rangesOf(name) }));
  }

  #rangesOf(name: string): Family<DescriptorImage> {
    const known = this.#ranges.get(name);
    if (known !== undefined) return known;
    const watched = [...this.#ranges.values()].reduce((sum, ranges) => sum + ranges.rows.size, 0);
    const made = this.#family(
      paths.ranges(name),
      (child) => `${paths.ranges(name)}/${child}`,
      (child, node) => decodeImage(name, parseRangeName(child) ?? 0, node),
      Math.max(0, RANGES_MAX - watched),
    );
    this.#ranges.set(name, made);
    return made;
  }

  /** Neither session nor watches tell of a silent cut; an answer does. */
  async #probe(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    try {
      this.#answered((await this.#zk.session?.get(paths.cluster)) !== undefined);
    } catch {
      this.#answered(false);
    } finally {
      this.#probing = false;
    }
  }

  #answered(zookeeper: boolean): void {
    if (this.#zookeeper === zookeeper) return;
    this.#zookeeper = zookeeper;
    this.#changed();
  }

  /** A burst of changes, such as a first read, is announced once. */
  #changed(): void {
    this.#announcing ??= this.#env.after(0, () => {
      this.#announcing = null;
      this.view = this.#read();
      for (const listener of this.#listeners) listener();
    });
  }

  #read(): ClusterView {
    const namespaces = this.#followNamespaces();
    return {
      zookeeper: this.#zookeeper,
      cluster: this.#cluster,
      namespaces: namespaces.map(({ record }) => record),
      ranges: namespaces.flatMap(({ ranges }) => [...ranges.rows.values()]),
      rangesNotShown: namespaces.reduce((sum, { ranges }) => sum + ranges.left, 0),
      nodes: [...this.#nodes.rows.values()],
      live: [...this.#live.rows.values()],
      coordinators: withLeader([...this.#coordinators.rows.values()]),
      events: this.#events.rows,
    };
  }
}

/** The election's rule: the lowest sequence number leads. */
function withLeader(rows: readonly Omit<CoordinatorRow, 'leader'>[]): readonly CoordinatorRow[] {
  const [first] = inSequence(rows.map(({ name }) => name));
  return rows.map((row) => ({ ...row, leader: row.name === first }));
}
