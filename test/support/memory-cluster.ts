// A cluster in memory for the webserver's tests: three nodes, four ranges, and a client in memory. A test changes it as a real
// cluster would change, and checks what the page shows.

import { present } from '../../common/base/assert.ts';
import { emptyBytes, toBytes } from '../../common/base/bytes.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import {
  type Descriptor,
  type DescriptorImage,
  FRESH_RANGE,
  withInSync,
  withOwner,
  withReshape,
} from '../../common/model/descriptor.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { EventRecord, LiveNode, TaskRecord } from '../../common/model/records.ts';
import { replace } from '../../common/model/replace-ranges.ts';
import type { NodeStatus, ReplicaStatus } from '../../common/model/status.ts';
import { type ClusterView, emptyView, type ViewSource } from '../../webserver/cluster-view.ts';
import { MemoryClient } from './memory-client.ts';

export const NODES: readonly NodeId[] = ['n-a', 'n-b', 'n-c'];
const NAMES: Readonly<Record<NodeId, string>> = { 'n-a': 'anna', 'n-b': 'bert', 'n-c': 'cleo' };
const STARTS = ['', 'g', 'n', 't'];
/** The time of everything that happened before a test begins, Unix ms. */
const BEFORE = Date.UTC(2026, 0, 1, 12, 0, 0);

export class MemoryCluster implements ViewSource {
  view: ClusterView = emptyView;
  client = new MemoryClient();
  /** Since when the owner of a range refuses writes, by range. */
  readonly readOnly = new Map<RangeId, number>();
  /** Nodes that do not answer the webserver. */
  readonly silent = new Set<NodeId>();
  /** Nodes whose lease has lapsed. `ended`: they have given their session up as well, so they own nothing. */
  readonly leases = new Map<NodeId, 'lapsed' | 'ended'>();
  /** Ranges whose owner has not committed its EpochStart. */
  readonly starting = new Set<RangeId>();
  /** The number of entries that a follower has not acknowledged, by `range node`. */
  readonly lags = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  #session = 0;

  /** @param cluster false: ZooKeeper answers, but holds no cluster yet */
  constructor({ cluster = true }: { cluster?: boolean } = {}) {
    this.client.nodeStatus = async (node) => this.#status(node);
    this.view = { ...emptyView, zookeeper: true };
    if (cluster) this.create();
  }

  /** Creates the cluster in ZooKeeper. */
  create(): void {
    const live = NODES.map((id, index) => this.#live(id, index));
    const images = STARTS.map((_, index) => ({ descriptor: descriptor(index, live), version: 1 }));
    this.client.images = images;
    this.change({
      cluster: { format: 1, clusterId: '00c0ffee00c0ffee', nextNamespaceId: 2, nextRangeId: 5, tickMs: 200 },
      namespaces: [{ name: 'default', id: 1, replicationFactor: 3, minInSync: 2 }],
      ranges: images,
      nodes: NODES.map((id) => ({ id, name: NAMES[id] ?? id, zone: 'z1', capacity: 1, mode: 'active' })),
      live,
      coordinators: [
        { name: 'c-1-0000000001', host: 'here', pid: 11, address: '127.0.0.1:7001', leader: true },
      ],
      events: [
        { seq: 1, at: BEFORE, by: 'coordinator', kind: 'namespace', text: 'default was made with 4 ranges' },
      ],
    });
  }

  change(change: Partial<ClusterView>): void {
    this.view = { ...this.view, ...change };
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }

  /** The node's session ends. */
  kill(node: NodeId): void {
    this.change({ live: this.view.live.filter(({ id }) => id !== node) });
  }

  /** The node starts again, in a new session. */
  start(node: NodeId): void {
    this.change({ live: [...this.view.live, this.#live(node, NODES.indexOf(node))] });
  }

  promote(range: RangeId, node: NodeId): void {
    this.describe(range, (before) => withOwner(before, node, this.#sessionOf(node)));
    this.event({ kind: 'promoted', text: `${NAMES[node]} owns it now`, range, node });
  }

  /** The cluster has so many ranges. */
  spread(count: number): void {
    const live = this.view.live;
    const starts = Array.from({ length: count }, (_, at) => (at === 0 ? '' : String(at).padStart(6, '0')));
    const images = starts.map((_, at) => ({ descriptor: descriptor(at, live, starts), version: 1 }));
    this.client.images = images;
    this.change({ ranges: images });
  }

  /** The range is split at the key, and the children have the next free ids. */
  split(range: RangeId, key: string): readonly RangeId[] {
    const image = present(
      this.view.ranges.find(({ descriptor }) => descriptor.id === range),
      'the range',
    );
    const highest = Math.max(...this.view.ranges.map(({ descriptor }) => descriptor.id));
    const ids = [highest + 1, highest + 2];
    const request = {
      children: ids,
      cuts: [toBytes(key)],
      partner: null,
      byHand: true,
      reason: 'for a test',
    };
    const { epoch, owner } = image.descriptor;
    const final = { epoch, seq: this.client.revision + 1 };
    const ending = { descriptor: withReshape(image.descriptor, request), final };
    const { children } = replace([ending], owner.node, owner.session);
    const others = this.view.ranges.filter((other) => other !== image);
    this.client.images = [...others, ...children.map((child) => ({ descriptor: child, version: 0 }))];
    this.change({ ranges: this.client.images });
    this.event({ kind: 'split', text: `range ${range} was split at ${key}: for a test`, range });
    return ids;
  }

  /** Shows a task. */
  task(id: string, record: Pick<TaskRecord, 'request'> & Partial<TaskRecord>): void {
    const task = { state: 'pending', progress: '', createdAt: BEFORE, ...record } as const;
    const others = this.view.tasks.filter((other) => other.id !== id);
    this.change({ tasks: [...others, { id, record: task }] });
  }

  inSync(range: RangeId, nodes: readonly NodeId[]): void {
    this.describe(range, (before) => withInSync(before, nodes));
  }

  event(event: Pick<EventRecord, 'kind' | 'text' | 'range' | 'node'>): void {
    const seq = (this.view.events[0]?.seq ?? 0) + 1;
    this.change({
      events: [{ ...event, seq, at: BEFORE + seq * 1000, by: 'coordinator' }, ...this.view.events],
    });
  }

  #sessionOf(node: NodeId): string {
    return this.view.live.find(({ id }) => id === node)?.session ?? '';
  }

  /** Changes the descriptor of a range. */
  describe(range: RangeId, how: (before: Descriptor) => Descriptor): void {
    const ranges = this.view.ranges.map((image) =>
      image.descriptor.id === range
        ? { descriptor: how(image.descriptor), version: image.version + 1 }
        : image,
    );
    this.client.images = ranges;
    this.change({ ranges });
  }

  #live(id: NodeId, index: number): LiveNode {
    this.#session++;
    return {
      id,
      address: `127.0.0.1:${7100 + index}`,
      name: id,
      startedAt: BEFORE,
      version: '0.1.0',
      session: this.#session.toString(16).padStart(16, '0'),
    };
  }

  #status(node: NodeId): NodeStatus {
    if (this.silent.has(node)) throw new RangekeeperError('UNREACHABLE', `${node} does not answer`);
    const held = this.view.ranges.filter(({ descriptor }) =>
      descriptor.replicas.some((replica) => replica.node === node),
    );
    return {
      node,
      version: '0.1.0',
      startedAt: BEFORE,
      session: this.leases.get(node) === 'ended' ? null : this.#sessionOf(node),
      leaseMs: this.leases.has(node) ? 0 : 1_800,
      replicas: held.map((image) => this.#replica(image, node)),
      orphans: [],
      logBytes: 64 * 1024 * 1024,
      memoryBytes: 120 * 1024 * 1024,
    };
  }

  #replica({ descriptor }: DescriptorImage, node: NodeId): ReplicaStatus {
    const { id, owner, replicas, inSync, epoch } = descriptor;
    const lag = (of: NodeId): number => this.lags.get(`${id} ${of}`) ?? 0;
    const seq = this.client.revision + 1;
    const owns = owner.node === node && this.leases.get(node) !== 'ended';
    return {
      range: id,
      inc: 1,
      role: owns
        ? this.starting.has(id)
          ? 'starting'
          : 'owner'
        : inSync.includes(node)
          ? 'follower'
          : 'learner',
      epochSeen: epoch,
      lastSeq: seq,
      syncedSeq: seq,
      commitSeq: seq,
      appliedSeq: seq - lag(node),
      readOnlySince: owns ? (this.readOnly.get(id) ?? null) : null,
      followers: owns
        ? replicas
            .filter((replica) => replica.node !== node)
            .map((replica) => ({
              node: replica.node,
              progress: 'stream',
              ackedSeq: seq - lag(replica.node),
              lag: lag(replica.node),
            }))
        : [],
      conflict: null,
      descriptorEpoch: null,
      lastEpoch: 0,
      staleMs: owns ? null : 35,
    };
  }
}

function descriptor(index: number, live: readonly LiveNode[], starts = STARTS): Descriptor {
  const owner = live[index % live.length];
  const start = starts[index] ?? '';
  const end = starts[index + 1];
  return {
    namespace: 'default',
    namespaceId: 1,
    id: index + 1,
    start: start === '' ? emptyBytes : toBytes(start),
    end: end === undefined ? null : toBytes(end),
    epoch: 1,
    owner: { node: owner?.id ?? '', session: owner?.session ?? '', inc: 1 },
    replicas: NODES.map((node) => ({ node, inc: 1 })),
    inSync: NODES,
    minInSync: 2,
    state: 'serving',
    nextInc: 2,
    ...FRESH_RANGE,
    base: { epoch: 0, seq: 0 },
    transferTo: null,
    retire: null,
  };
}
