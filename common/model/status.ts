// A node's status, which it reports on request (JSON in a StatusReply; the web page shows it). No decision of the cluster depends
// on it, except for an administrator's request `raise-epochs`.

import type { Bytes } from '../base/bytes.ts';
import { Field } from './fields.ts';
import type { Epoch, Inc, NodeId, RangeId, Seq, SessionId } from './ids.ts';
import type { NodeReport, ReplicaReport } from './records.ts';

/** What a replica is doing at this moment. */
export const REPLICA_ROLES = ['owner', 'starting', 'follower', 'learner', 'void'] as const;
export type ReplicaRole = (typeof REPLICA_ROLES)[number];

export interface ReplicaStatus {
  readonly range: RangeId;
  readonly inc: Inc;
  readonly role: ReplicaRole;
  readonly epochSeen: Epoch;
  /** Epoch of the newest descriptor that the node has read; null: it has read none yet. */
  readonly descriptorEpoch: Epoch | null;
  /** Epoch of the log's last entry, which is at lastSeq. */
  readonly lastEpoch: Epoch;
  readonly lastSeq: Seq;
  readonly syncedSeq: Seq;
  readonly commitSeq: Seq;
  readonly appliedSeq: Seq;
  /**
   * Owner only: since this Unix ms writes are refused, because the in-sync set has minInSync members and one does not answer;
   * null: they are not.
   */
  readonly readOnlySince: number | null;
  /** Owner only: one item for each follower. */
  readonly followers: readonly FollowerStatus[];
  /** Not for an owner: how far the replica's state may be behind, ms, at most; null: not known. */
  readonly staleMs: number | null;
  /**
   * A contradiction between this replica, its owner and the descriptor that the rules exclude, in words. A disk or ZooKeeper has
   * gone back to an older state, and a person has to look at it. Null: there is none.
   */
  readonly conflict: string | null;
}

export interface FollowerStatus {
  readonly node: NodeId;
  readonly progress: 'probe' | 'stream' | 'snapshot';
  /** The seq through which it has acknowledged under the owner's epoch. */
  readonly ackedSeq: Seq;
  /** How many entries of the owner's log it has not acknowledged. */
  readonly lag: number;
}

export interface NodeStatus {
  readonly node: NodeId;
  readonly version: string;
  /** Unix ms. */
  readonly startedAt: number;
  /** The session in which its live znode exists; null: none. Absent in the status of an earlier version. */
  readonly session?: SessionId | null;
  /** How long the node's lease still lasts, ms; 0: it has lapsed. */
  readonly leaseMs: number;
  readonly replicas: readonly ReplicaStatus[];
  /** Replicas on this disk whose znode is missing or belongs to another range. They are kept but not used. */
  readonly orphans: readonly RangeId[];
  /** Live nodes that it has no connection with. This and the next field are absent in the status of an earlier version. */
  readonly unreachable?: readonly NodeId[];
  /** Why the node is unhealthy and owns nothing; null if it is healthy. The name is that of the JSON field. */
  readonly unhealthy?: string | null;
  readonly logBytes: number;
  readonly memoryBytes: number;
}

const RANGES_MAX = 1_000_000;
const FOLLOWERS_MAX = 1_000;
const NODES_MAX = 10_000;
const SENTENCE_MAX = 8_192;

/** Decodes a node's status. Throws BadDataError. */
export function decodeStatus(json: Bytes): NodeStatus {
  const field = Field.parse(json);
  return {
    node: field.get('node').id(),
    version: field.get('version').line(),
    startedAt: field.get('startedAt').time(),
    session: field.get('session').orNull((session) => session.id()),
    leaseMs: field.get('leaseMs').amount(),
    replicas: field.get('replicas').list(RANGES_MAX, readReplica),
    orphans: field.get('orphans').list(RANGES_MAX, (range) => range.integer()),
    logBytes: field.get('logBytes').amount(),
    memoryBytes: field.get('memoryBytes').amount(),
    unreachable: field.get('unreachable').orNull((list) => list.list(NODES_MAX, (node) => node.id())) ?? [],
    unhealthy: field.get('unhealthy').orNull((reason) => reason.text(SENTENCE_MAX)),
  };
}

function readReplica(field: Field): ReplicaStatus {
  return {
    range: field.get('range').integer(),
    inc: field.get('inc').integer(),
    role: field.get('role').word(REPLICA_ROLES),
    epochSeen: field.get('epochSeen').integer(),
    descriptorEpoch: field.get('descriptorEpoch').orNull((epoch) => epoch.integer()),
    lastEpoch: field.get('lastEpoch').integer(),
    lastSeq: field.get('lastSeq').integer(),
    syncedSeq: field.get('syncedSeq').integer(),
    commitSeq: field.get('commitSeq').integer(),
    appliedSeq: field.get('appliedSeq').integer(),
    readOnlySince: field.get('readOnlySince').orNull((at) => at.time()),
    followers: field.get('followers').list(FOLLOWERS_MAX, readFollower),
    staleMs: field.get('staleMs').orNull((ms) => ms.amount()),
    conflict: field.get('conflict').orNull((text) => text.text(SENTENCE_MAX)),
  };
}

function readFollower(field: Field): FollowerStatus {
  return {
    node: field.get('node').id(),
    progress: field.get('progress').word(['probe', 'stream', 'snapshot']),
    ackedSeq: field.get('ackedSeq').integer(),
    lag: field.get('lag').integer(),
  };
}

/** The node's report for the request `raise-epochs`. It leaves out replicas that the node does not use. */
export function reportOf({ node, session, replicas, orphans }: NodeStatus): NodeReport {
  const used = replicas.filter(({ range }) => !orphans.includes(range));
  return {
    node,
    session: session ?? null,
    replicas: used.map(({ range, inc, epochSeen, lastEpoch, lastSeq, role }): ReplicaReport => {
      const standing = role === 'owner' || role === 'starting' ? 'owner' : role === 'void' ? 'void' : 'holds';
      return { range, inc, epochSeen, lastEpoch, lastSeq, role: standing };
    }),
  };
}

/** Ranges of replicas whose descriptor the node has not read yet. It is not known whether ZooKeeper means the same range. */
export function unreadRanges({ replicas, orphans }: NodeStatus): ReadonlySet<RangeId> {
  const unread = replicas.filter(
    ({ range, descriptorEpoch }) => descriptorEpoch === null && !orphans.includes(range),
  );
  return new Set(unread.map(({ range }) => range));
}
