// After ZooKeeper was restored to an older state, at an administrator's request: a range whose replicas have seen a higher
// epoch than its descriptor's has no owner and never gets one (R1). It begins again above every epoch that was reported. The
// leader decides it here and carries it out (coordinator/plan/raise-epochs.ts); a client decides it here for show only.
//
// Which replica begins? Not one of the descriptor's in-sync set for its own sake: that set is old, and may name replicas that
// were removed later and lack acknowledged writes. Of all replicas that were reported the one with the highest last (epoch,
// seq): whoever appended in an epoch held all that was acknowledged before it, and in one epoch all logs are prefixes of the
// owner's. So that one holds every acknowledged write, provided that one of the last in-sync set is among those that reported.
// Nobody can know that set. Therefore every node that ZooKeeper names has to report, which `force` waives.
//
// R1, R7: nobody may own the present epoch meanwhile. Its owner's session has ended, or its replica has seen an epoch at or
// above it without owning it, or has made way for a later replica, and so never enters it. If the owner that the descriptor
// names is live and can never enter, the range begins again as well, although no replica has seen a higher epoch. That happens
// if the leader has promoted since the restore, up to an epoch that was seen before.

import { type Descriptor, incOf, type Restart, withRestart } from './descriptor.ts';
import type { Epoch, NodeId, RangeId, SessionId } from './ids.ts';
import type { NodeReport, ReplicaReport } from './records.ts';

/** By node and range. A node that reported, and has no replica of a range, is here without that range. */
export type Reports = ReadonlyMap<NodeId, ReadonlyMap<RangeId, ReplicaReport>>;

/** What ZooKeeper says of the nodes. */
export interface KnownNodes {
  /** Live, or registered and not gone for good: each of them has to report. */
  readonly expected: Iterable<NodeId>;
  /** Null: the node is not live. */
  sessionOf(node: NodeId): SessionId | null;
  /** For people. */
  nameOf(node: NodeId): string;
}

export type RaiseDecision =
  | {
      readonly kind: 'begins';
      /** The highest that a replica reported. */
      readonly epochSeen: Epoch;
      readonly owner: NodeId;
      /** The descriptor with which it begins. */
      readonly after: Descriptor;
      /** What speaks for this replica, in words. */
      readonly reason: string;
    }
  | { readonly kind: 'refused'; readonly epochSeen: Epoch; readonly reason: string };

/** What became of a range in conflict: a replica has seen a higher epoch, or the owner can never enter this one. */
export interface RaisedRange {
  readonly namespace: string;
  readonly range: RangeId;
  /** The descriptor's, before anything was done. */
  readonly epoch: Epoch;
  /** The highest that a replica reported. */
  readonly epochSeen: Epoch;
  /** Where it begins again; null: nowhere. */
  readonly node: NodeId | null;
  /**
   * `would-begin`: nothing was done, as was asked for. `begun`: it is in ZooKeeper. `refused`: nothing was changed.
   * `unknown`: the leader did not answer in time, and may still do it.
   */
  readonly outcome: 'would-begin' | 'begun' | 'refused' | 'unknown';
  /** Why there, or why not, in words. */
  readonly reason: string;
}

export interface RaisedEpochs {
  /** Every range of every namespace that is in conflict, in order of ids. */
  readonly ranges: readonly RaisedRange[];
  /** Nodes that ZooKeeper names and that did not report, with the reason in words. */
  readonly silent: readonly { readonly node: NodeId; readonly reason: string }[];
}

export function byRange(reports: readonly NodeReport[]): Reports {
  return new Map(
    reports.map(({ node, replicas }) => [node, new Map(replicas.map((replica) => [replica.range, replica]))]),
  );
}

/** Null: no replica that was reported is ahead of the descriptor, and its owner may serve. */
export function decideRaise(
  nodes: KnownNodes,
  descriptor: Descriptor,
  reports: Reports,
  force: boolean,
): RaiseDecision | null {
  const epochSeen = highestSeen(reports, descriptor);
  if (epochSeen <= descriptor.epoch && !hasIdleOwner(nodes, descriptor, reports)) return null;
  const decided = decide(nodes, descriptor, reports, { epochSeen, force });
  return typeof decided === 'string'
    ? { kind: 'refused', epochSeen, reason: decided }
    : { kind: 'begins', epochSeen, ...decided };
}

function highestSeen(reports: Reports, { id }: Descriptor): Epoch {
  return Math.max(0, ...[...reports.values()].map((replicas) => replicas.get(id)?.epochSeen ?? 0));
}

type Beginning = Pick<Extract<RaiseDecision, { kind: 'begins' }>, 'after' | 'owner' | 'reason'>;

/** A string: why not. */
function decide(
  nodes: KnownNodes,
  descriptor: Descriptor,
  reports: Reports,
  { epochSeen, force }: { readonly epochSeen: Epoch; readonly force: boolean },
): Beginning | string {
  const silent = force ? [] : silentNodes(nodes, descriptor, reports);
  if (silent.length > 0)
    return `no report of ${silent.map((node) => nodes.nameOf(node)).join(', ')}, which may hold what others lack`;
  if (mayServe(nodes, descriptor, reports))
    return `${nodes.nameOf(descriptor.owner.node)} may own it in epoch ${descriptor.epoch}: restart that node first`;
  const replicas = replicasOf(descriptor, reports);
  const whole = replicas.flatMap(({ node }) => {
    const report = reports.get(node)?.get(descriptor.id);
    return report === undefined || report.role === 'void' ? [] : [{ node, report }];
  });
  const newest = whole.reduce<ReplicaReport | null>(
    (best, { report }) => (best === null || comparePlaces(report, best) > 0 ? report : best),
    null,
  );
  if (newest === null) return 'no replica with data has reported';
  const inSync = whole.filter(({ report }) => comparePlaces(report, newest) === 0).map(({ node }) => node);
  const owner = inSync.find((node) => nodes.sessionOf(node) !== null);
  const session = owner === undefined ? null : nodes.sessionOf(owner);
  if (owner === undefined || session === null)
    return `${nodes.nameOf(inSync[0] ?? '')} holds most and is not live`;
  const epoch = Math.max(epochSeen, descriptor.epoch) + 1;
  const restart: Restart = { epoch, replicas, inSync, owner };
  const place = `${newest.lastEpoch}/${newest.lastSeq}`;
  const reason = `in epoch ${epoch} at ${nodes.nameOf(owner)}, whose log ends at ${place}`;
  return { after: withRestart(descriptor, restart, session), owner, reason };
}

/** Nodes that have to report and have not. */
function silentNodes(
  { expected }: KnownNodes,
  { replicas }: Descriptor,
  reports: Reports,
): readonly NodeId[] {
  const known = new Set<NodeId>(replicas.map(({ node }) => node));
  for (const node of expected) known.add(node);
  return [...known].filter((node) => !reports.has(node)).sort();
}

/** Whether the owner that the descriptor names may serve, or come to serve, in its epoch. */
function mayServe(nodes: KnownNodes, { id, epoch, owner }: Descriptor, reports: Reports): boolean {
  if (!isLive(nodes, owner)) return false;
  const report = reports.get(owner.node)?.get(id);
  if (report === undefined) return true;
  // R9: a replica never comes back after a later one.
  if (report.inc > owner.inc) return false;
  return report.role === 'owner' || report.epochSeen < epoch;
}

function isLive(nodes: KnownNodes, owner: Descriptor['owner']): boolean {
  return nodes.sessionOf(owner.node) === owner.session;
}

/** The leader takes it for the owner, as its session lives, and it never serves. */
function hasIdleOwner(nodes: KnownNodes, descriptor: Descriptor, reports: Reports): boolean {
  return isLive(nodes, descriptor.owner) && !mayServe(nodes, descriptor, reports);
}

/**
 * The replicas with which the range begins again. A node that reported keeps the replica that it has, if the descriptor names
 * that replica or it was added after the descriptor was written. A node that did not report keeps what the descriptor gives it,
 * and catches up as a learner.
 */
function replicasOf(descriptor: Descriptor, reports: Reports): Descriptor['replicas'] {
  const replicas = descriptor.replicas.filter(({ node }) => !reports.has(node));
  for (const [node, ofNode] of reports) {
    const inc = ofNode.get(descriptor.id)?.inc;
    if (inc !== undefined && (inc === incOf(descriptor, node) || inc >= descriptor.nextInc))
      replicas.push({ node, inc });
  }
  return replicas;
}

function comparePlaces(a: ReplicaReport, b: ReplicaReport): number {
  return a.lastEpoch - b.lastEpoch || a.lastSeq - b.lastSeq;
}
