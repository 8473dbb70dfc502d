// One picture for the page out of two sources: what ZooKeeper says (the view) and what each node says of itself. Pure:
// the same inputs give the same state. The state before is an input only for `since`, when a condition was first seen.

import { formatBytes } from '../common/base/bytes.ts';
import type { Descriptor } from '../common/model/descriptor.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { LiveNode, NodeRecord } from '../common/model/records.ts';
import type { FollowerStatus, NodeStatus, ReplicaStatus } from '../common/model/status.ts';
import type { ClusterView } from './cluster-view.ts';
import {
  type Condition,
  type FeedState,
  inOrder,
  type NodeRow,
  type Overview,
  type RangeRow,
  type ReplicaRow,
} from './feed.ts';

const STALE_STEP_MS = 200;

/** What a node last said of itself, or since when (Unix ms) it has said nothing. */
export type Word =
  | { readonly kind: 'said'; readonly status: NodeStatus }
  | { readonly kind: 'silent'; readonly since: number };

export interface PictureInput {
  readonly view: ClusterView;
  readonly words: ReadonlyMap<NodeId, Word>;
  readonly before: FeedState | null;
  /** Unix ms. */
  readonly now: number;
  /** The namespace that the page opens with. */
  readonly namespace: string;
}

export function picture(input: PictureInput): FeedState {
  const { view } = input;
  const seen = new Seen(input);
  return {
    overview: overview(input),
    namespaces: inOrder('namespaces', view.namespaces),
    ranges: inOrder(
      'ranges',
      serving(view).map((descriptor) => rangeRow(descriptor, seen)),
    ),
    nodes: inOrder(
      'nodes',
      view.nodes.map((record) => nodeRow(record, input, seen)),
    ),
    coordinators: inOrder('coordinators', view.coordinators),
    events: view.events,
  };
}

function serving(view: ClusterView): readonly Descriptor[] {
  return view.ranges.map(({ descriptor }) => descriptor).filter(({ state }) => state === 'serving');
}

function overview({ view, before, now, namespace }: PictureInput): Overview {
  const same = before !== null && before.overview.zookeeper === view.zookeeper;
  return {
    zookeeper: view.zookeeper,
    zookeeperSince: same ? before.overview.zookeeperSince : now,
    clusterId: view.cluster?.clusterId ?? null,
    rangesNotShown: view.rangesNotShown,
    namespace,
  };
}

/** The input by id. */
class Seen {
  readonly live: ReadonlyMap<NodeId, LiveNode>;
  /** How many ranges each node owns, and holds a replica of. */
  readonly owned = new Map<NodeId, number>();
  readonly held = new Map<NodeId, number>();
  readonly #words: ReadonlyMap<NodeId, Word>;
  readonly #replicas = new Map<string, ReplicaStatus>();
  readonly #before: ReadonlyMap<number, RangeRow>;
  readonly #now: number;

  constructor({ view, words, before, now }: PictureInput) {
    this.live = new Map(view.live.map((node) => [node.id, node]));
    this.#words = words;
    this.#before = new Map(before?.ranges.map((row) => [row.id, row]));
    this.#now = now;
    for (const { owner, replicas } of serving(view)) {
      this.owned.set(owner.node, (this.owned.get(owner.node) ?? 0) + 1);
      for (const { node } of replicas) this.held.set(node, (this.held.get(node) ?? 0) + 1);
    }
    for (const [node, word] of words) {
      if (word.kind !== 'said' || !this.live.has(node)) continue;
      for (const replica of word.status.replicas) this.#replicas.set(`${node} ${replica.range}`, replica);
    }
  }

  word(node: NodeId): Word | undefined {
    return this.live.has(node) ? this.#words.get(node) : undefined;
  }

  replica(node: NodeId, range: number): ReplicaStatus | undefined {
    return this.#replicas.get(`${node} ${range}`);
  }

  /** When a condition that is only seen from here began. */
  since(range: number, condition: Condition): number {
    const row = this.#before.get(range);
    return row !== undefined && row.condition === condition && row.since !== null ? row.since : this.#now;
  }
}

function rangeRow(descriptor: Descriptor, seen: Seen): RangeRow {
  const owner = seen.replica(descriptor.owner.node, descriptor.id);
  const { condition, since } = conditionOf(descriptor, owner, seen);
  const commitSeq = owner?.commitSeq ?? null;
  return {
    id: descriptor.id,
    namespace: descriptor.namespace,
    start: formatBytes(descriptor.start),
    end: descriptor.end === null ? null : formatBytes(descriptor.end),
    epoch: descriptor.epoch,
    owner: descriptor.owner.node,
    minInSync: descriptor.minInSync,
    transferTo: descriptor.transferTo,
    retire: descriptor.retire,
    replicas: replicaRows(descriptor, owner, seen),
    condition,
    since,
    commitSeq,
    entries: commitSeq === null ? null : Math.max(0, commitSeq - descriptor.base.seq),
  };
}

function conditionOf(
  descriptor: Descriptor,
  owner: ReplicaStatus | undefined,
  seen: Seen,
): { condition: Condition; since: number | null } {
  const { id, owner: named } = descriptor;
  if (seen.live.get(named.node)?.session !== named.session)
    return { condition: 'no-owner', since: seen.since(id, 'no-owner') };
  const word = seen.word(named.node);
  if (word?.kind === 'silent') return { condition: 'silent', since: word.since };
  if (word === undefined) return { condition: 'unknown', since: null };
  if (owner?.role !== 'owner') return { condition: 'starting', since: seen.since(id, 'starting') };
  if (owner.readOnlySince !== null) return { condition: 'read-only', since: owner.readOnlySince };
  return { condition: 'serving', since: null };
}

function replicaRows(
  descriptor: Descriptor,
  owner: ReplicaStatus | undefined,
  seen: Seen,
): readonly ReplicaRow[] {
  const followers = new Map<NodeId, FollowerStatus>(owner?.followers.map((row) => [row.node, row]));
  return descriptor.replicas.map(({ node, inc }) => {
    const own = seen.replica(node, descriptor.id);
    const isOwner = node === descriptor.owner.node;
    return {
      node,
      inc,
      inSync: descriptor.inSync.includes(node),
      role: own?.role ?? null,
      appliedSeq: own?.appliedSeq ?? null,
      lag: isOwner && owner !== undefined ? 0 : (followers.get(node)?.lag ?? null),
      staleMs: own === undefined || isOwner ? null : bound(own.staleMs),
    };
  });
}

function nodeRow(record: NodeRecord, input: PictureInput, seen: Seen): NodeRow {
  const live = seen.live.get(record.id);
  const word = seen.word(record.id);
  const status = word?.kind === 'said' ? word.status : null;
  return {
    id: record.id,
    name: record.name,
    zone: record.zone,
    capacity: record.capacity,
    mode: record.mode,
    alive: live !== undefined,
    goneSince: live === undefined ? (record.noted?.downSince ?? goneSince(record.id, input)) : null,
    standing: live?.standing ?? 'staying',
    unreachable: live === undefined ? null : (record.noted?.unreachable ?? null),
    stuck: live !== undefined && record.noted?.stuckIn === live.session,
    address: live?.address ?? null,
    startedAt: live?.startedAt ?? null,
    version: live?.version ?? null,
    owned: seen.owned.get(record.id) ?? 0,
    held: seen.held.get(record.id) ?? 0,
    silentSince: word?.kind === 'silent' ? word.since : null,
    leaseMs: wholeMs(status?.leaseMs ?? null),
    logBytes: status?.logBytes ?? null,
    memoryBytes: status?.memoryBytes ?? null,
    orphans: status?.orphans ?? [],
    conflicts: (status?.replicas ?? []).flatMap(({ range, conflict }) =>
      conflict === null || conflict === undefined ? [] : [`range ${range}: ${conflict}`],
    ),
  };
}

function goneSince(node: NodeId, { before, now }: PictureInput): number | null {
  const row = before?.nodes.find(({ id }) => id === node);
  if (row === undefined) return null;
  return row.alive ? now : row.goneSince;
}

/** Still an upper bound, and the same from second to second, so that an idle range sends nothing to the pages. */
function bound(staleMs: number | null): number | null {
  return staleMs === null ? null : Math.ceil(staleMs / STALE_STEP_MS) * STALE_STEP_MS;
}

function wholeMs(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms);
}
