// Computes the state of the feed from two sources: the state of the cluster in ZooKeeper (the view), and the status that each
// node reports. It is pure: the same inputs give the same state. The previous state is an input only for `since`, that is, when
// something was first seen.

import { formatBytes } from '../common/base/bytes.ts';
import type { Descriptor } from '../common/model/descriptor.ts';
import type { NodeId } from '../common/model/ids.ts';
import { conditionOf as rangeConditionOf } from '../common/model/range-condition.ts';
import type { LiveNode, NodeRecord } from '../common/model/records.ts';
import type { FollowerStatus, NodeStatus, ReplicaStatus } from '../common/model/status.ts';
import type { ClusterView } from './cluster-view.ts';
import {
  type Condition,
  type FeedState,
  inOrder,
  type NodeRow,
  type Overview,
  type RangeChange,
  type RangeRow,
  type ReplicaRow,
} from './feed.ts';
import { PageLoad } from './page-load.ts';
import { type ShownTasks, shownTasks } from './page-tasks.ts';
import { type ShownRanges, shownRanges } from './shown-ranges.ts';

const STALE_STEP_MS = 200;

/** The last status that a node reported, or since when (Unix ms) it does not answer. */
export type StatusReport =
  | {
      readonly kind: 'reported';
      readonly status: NodeStatus;
      /** The node has renewed its lease at this time or later, Unix ms; null: not known. */
      readonly leaseRenewedAt: number | null;
    }
  | { readonly kind: 'silent'; readonly since: number };

export interface FeedInputs {
  readonly view: ClusterView;
  readonly reports: ReadonlyMap<NodeId, StatusReport>;
  readonly before: FeedState | null;
  /** Unix ms. */
  readonly now: number;
  /** The namespace that the page opens with. */
  readonly namespace: string;
}

export function feedState(inputs: FeedInputs): FeedState {
  const { view } = inputs;
  const index = new InputIndex(inputs);
  const { serving, ended } = index.shown;
  const tasks = shownTasks(view.tasks);
  return {
    overview: overview(inputs, tasks),
    namespaces: inOrder('namespaces', view.namespaces),
    ranges: inOrder('ranges', [...serving.map((descriptor) => rangeRow(descriptor, index)), ...ended]),
    loads: inOrder('loads', index.load.rows),
    nodes: inOrder(
      'nodes',
      view.nodes.map((record) => nodeRow(record, inputs, index)),
    ),
    coordinators: inOrder('coordinators', view.coordinators),
    events: view.events,
    tasks: tasks.rows,
  };
}

function overview({ view, namespace, reports }: FeedInputs, { more }: ShownTasks): Overview {
  const { zookeeperSince } = view;
  const isRenewed = (report: StatusReport): boolean =>
    zookeeperSince !== null && report.kind === 'reported' && (report.leaseRenewedAt ?? 0) >= zookeeperSince;
  return {
    zookeeper: view.zookeeper,
    zookeeperSince,
    leasesRenewed: !view.zookeeper && [...reports.values()].some(isRenewed),
    clusterId: view.cluster?.clusterId ?? null,
    rangesNotShown: view.rangesNotShown,
    tasksNotShown: more + view.tasksNotRead,
    namespace,
  };
}

/** The inputs, indexed by id. */
class InputIndex {
  readonly live: ReadonlyMap<NodeId, LiveNode>;
  readonly shown: ShownRanges;
  /** How many ranges each node owns, and of how many it holds a replica. */
  readonly owned = new Map<NodeId, number>();
  readonly held = new Map<NodeId, number>();
  readonly load: PageLoad;
  /** Nodes with a replica of any range, also of one that has ended. Null: not all ranges are known. */
  readonly holders: ReadonlySet<NodeId> | null;
  readonly #reports: ReadonlyMap<NodeId, StatusReport>;
  readonly #replicas = new Map<string, ReplicaStatus>();
  readonly #before: ReadonlyMap<number, RangeRow>;
  readonly #now: number;

  constructor({ view, reports, before, now }: FeedInputs) {
    this.live = new Map(view.live.map((node) => [node.id, node]));
    this.#reports = reports;
    this.#before = new Map(before?.ranges.map((row) => [row.id, row]));
    this.#now = now;
    for (const [node, report] of reports) {
      if (report.kind !== 'reported' || !this.live.has(node)) continue;
      for (const replica of report.status.replicas) this.#replicas.set(`${node} ${replica.range}`, replica);
    }
    this.shown = shownRanges(view, {
      rows: this.#before,
      isReported: ({ id, owner }) => this.replica(owner.node, id)?.role === 'owner',
      now,
    });
    this.load = new PageLoad(view, this.shown.serving);
    this.holders = view.rangesNotShown > 0 ? null : holdersOf(view);
    for (const { owner, replicas } of this.shown.serving) this.#count(owner.node, replicas);
    for (const { owner, replicas } of this.shown.ended) this.#count(owner, replicas);
  }

  #count(owner: NodeId, replicas: readonly { readonly node: NodeId }[]): void {
    this.owned.set(owner, (this.owned.get(owner) ?? 0) + 1);
    for (const { node } of replicas) this.held.set(node, (this.held.get(node) ?? 0) + 1);
  }

  /** Undefined: the node has no live session, or was not asked yet. */
  report(node: NodeId): StatusReport | undefined {
    return this.live.has(node) ? this.#reports.get(node) : undefined;
  }

  replica(node: NodeId, range: number): ReplicaStatus | undefined {
    return this.#replicas.get(`${node} ${range}`);
  }

  /** Since when a range has a condition, as this webserver saw it. */
  since(range: number, condition: Condition): number {
    const row = this.#before.get(range);
    return row !== undefined && row.condition === condition && row.since !== null ? row.since : this.#now;
  }
}

function holdersOf({ ranges }: ClusterView): ReadonlySet<NodeId> {
  return new Set(ranges.flatMap(({ descriptor }) => descriptor.replicas.map(({ node }) => node)));
}

function rangeRow(descriptor: Descriptor, index: InputIndex): RangeRow {
  const owner = index.replica(descriptor.owner.node, descriptor.id);
  const { condition, since } = conditionOf(descriptor, owner, index);
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
    change: changeOf(descriptor),
    why: descriptor.reshape?.reason ?? null,
    pinned: descriptor.placement.pinned,
    isolated: descriptor.placement.isolated,
    parents: descriptor.parents.map(({ range }) => range),
    replicas: replicaRows(descriptor, owner, index),
    condition,
    since,
    commitSeq,
    entries: commitSeq === null ? null : Math.max(0, commitSeq - descriptor.base.seq),
  };
}

/** What would be worse, its {@link Condition} says. */
function changeOf(descriptor: Descriptor): RangeChange | null {
  const condition = rangeConditionOf(descriptor, { hasLiveOwner: true, isReadOnly: false });
  return CHANGES.find((change) => change === condition) ?? null;
}

const CHANGES: readonly RangeChange[] = ['splitting', 'merging', 'moving'];

function conditionOf(
  descriptor: Descriptor,
  owner: ReplicaStatus | undefined,
  index: InputIndex,
): { condition: Condition; since: number | null } {
  const { id, owner: named } = descriptor;
  if (index.live.get(named.node)?.session !== named.session)
    return { condition: 'no-owner', since: index.since(id, 'no-owner') };
  const report = index.report(named.node);
  if (report?.kind === 'silent') return { condition: 'silent', since: report.since };
  if (report === undefined) return { condition: 'unknown', since: null };
  const condition = reportedCondition(report.status, owner);
  if (condition === 'serving') return { condition, since: null };
  return { condition, since: readOnlySince(condition, owner) ?? index.since(id, condition) };
}

/** A node that has given up its session owns nothing any more, whatever ZooKeeper last said. */
function reportedCondition(status: NodeStatus, owner: ReplicaStatus | undefined): Condition {
  const hasLease = status.leaseMs > 0;
  if (!hasLease && (status.session ?? null) === null) return 'no-lease';
  if (owner?.role === 'starting' && owner.readOnlySince !== null) return 'waiting';
  if (owner?.role !== 'owner') return 'starting';
  if (!hasLease) return 'no-lease';
  return owner.readOnlySince === null ? 'serving' : 'read-only';
}

function readOnlySince(condition: Condition, owner: ReplicaStatus | undefined): number | null {
  return condition === 'read-only' || condition === 'waiting' ? (owner?.readOnlySince ?? null) : null;
}

function replicaRows(
  descriptor: Descriptor,
  owner: ReplicaStatus | undefined,
  index: InputIndex,
): readonly ReplicaRow[] {
  const followers = new Map<NodeId, FollowerStatus>(owner?.followers.map((row) => [row.node, row]));
  return descriptor.replicas.map(({ node, inc }) => {
    const own = index.replica(node, descriptor.id);
    const isOwner = node === descriptor.owner.node;
    return {
      node,
      inc,
      inSync: descriptor.inSync.includes(node),
      role: own?.role ?? null,
      appliedSeq: own?.appliedSeq ?? null,
      lag: isOwner && owner !== undefined ? 0 : (followers.get(node)?.lag ?? null),
      staleMs: own === undefined || isOwner ? null : inSteps(own.staleMs),
    };
  });
}

function nodeRow(record: NodeRecord, inputs: FeedInputs, index: InputIndex): NodeRow {
  const live = index.live.get(record.id);
  const report = index.report(record.id);
  const status = report?.kind === 'reported' ? report.status : null;
  const load = index.load.node(record.id);
  return {
    id: record.id,
    name: record.name,
    zone: record.zone,
    capacity: record.capacity,
    mode: record.mode,
    alive: live !== undefined,
    goneSince: live === undefined ? goneSince(record, inputs) : null,
    standing: live?.standing ?? 'staying',
    unreachable: live === undefined ? null : (record.noted?.unreachable ?? null),
    stuck: live !== undefined && record.noted?.stuckIn === live.session,
    address: live?.address ?? null,
    startedAt: live?.startedAt ?? null,
    version: live?.version ?? null,
    owned: index.owned.get(record.id) ?? 0,
    held: index.held.get(record.id) ?? 0,
    safeToSwitchOff: record.mode !== 'active' && index.holders?.has(record.id) === false,
    loadShare: load.share,
    bytes: load.bytes,
    silentSince: report?.kind === 'silent' ? report.since : null,
    leaseMs: wholeMs(status?.leaseMs ?? null),
    logBytes: status?.logBytes ?? null,
    memoryBytes: status?.memoryBytes ?? null,
    orphans: status?.orphans ?? [],
    conflicts: (status?.replicas ?? []).flatMap(({ range, conflict }) =>
      conflict === null || conflict === undefined ? [] : [`range ${range}: ${conflict}`],
    ),
  };
}

/** The earlier of what the leader noted and what this webserver saw. */
function goneSince({ id, noted }: NodeRecord, { before, now }: FeedInputs): number | null {
  const row = before?.nodes.find((each) => each.id === id);
  const seen = row?.alive ? (row.silentSince ?? now) : (row?.goneSince ?? null);
  const downSince = noted?.downSince ?? null;
  return seen === null || downSince === null ? (seen ?? downSince) : Math.min(seen, downSince);
}

/** Rounds up to coarse steps, so that an idle range rarely causes a message to the pages. */
function inSteps(staleMs: number | null): number | null {
  return staleMs === null ? null : Math.ceil(staleMs / STALE_STEP_MS) * STALE_STEP_MS;
}

function wholeMs(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms);
}
