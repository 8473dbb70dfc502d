// What a node tells of itself on request (JSON in a StatusReply, and behind the web page): nothing here decides anything.

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
  /** Of the newest descriptor that the node has read; null: none yet. */
  readonly descriptorEpoch: Epoch | null;
  /** Of the log's last entry, which is at lastSeq. */
  readonly lastEpoch: Epoch;
  readonly lastSeq: Seq;
  readonly syncedSeq: Seq;
  readonly commitSeq: Seq;
  readonly appliedSeq: Seq;
  /** Owner only: writes are refused since this Unix ms, because a member is silent at minInSync; null: writable. */
  readonly readOnlySince: number | null;
  /** Owner only, one row a follower. */
  readonly followers: readonly FollowerStatus[];
  /** Replica only: an upper bound, in ms, of how far its state may be behind; null: not known. */
  readonly staleMs: number | null;
  /**
   * What this replica, its owner or the descriptor says that the rules exclude, in words: a disk or ZooKeeper went back to
   * an older state, and a person has to look at it. Null: nothing.
   */
  readonly conflict: string | null;
}

export interface FollowerStatus {
  readonly node: NodeId;
  readonly progress: 'probe' | 'stream' | 'snapshot';
  /** Acknowledged under the owner's epoch. */
  readonly ackedSeq: Seq;
  /** Entries of the owner's log that it has not acknowledged. */
  readonly lag: number;
}

export interface NodeStatus {
  readonly node: NodeId;
  readonly version: string;
  /** Unix ms. */
  readonly startedAt: number;
  /** The session in which its live znode exists; null: none. Absent in the status of an earlier version. */
  readonly session?: SessionId | null;
  /** How long the ownership lease still lasts, in ms; 0: lapsed. */
  readonly leaseMs: number;
  readonly replicas: readonly ReplicaStatus[];
  /** Replicas on this disk whose znode is missing, or is another range's: kept, listed, not used. */
  readonly orphans: readonly RangeId[];
  /** Live nodes that it has no connection with. Absent in the status of an earlier version, as the next one. */
  readonly unreachable?: readonly NodeId[];
  /** Why the node is unhealthy and owns nothing; null if it is healthy. The name is that of the JSON field. */
  readonly unfit?: string | null;
  readonly logBytes: number;
  readonly memoryBytes: number;
}

const RANGES_MAX = 1_000_000;
const FOLLOWERS_MAX = 1_000;
const NODES_MAX = 10_000;
const SENTENCE_MAX = 8_192;

/** What a node said of itself; throws BadDataError where that is something else. */
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
    unfit: field.get('unfit').orNull((reason) => reason.text(SENTENCE_MAX)),
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

/** What the request `raise-epochs` says of a node; without replicas that it does not use. */
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

/** Replicas of which the node has read no descriptor yet: whether they are of the range that ZooKeeper means is not known. */
export function unreadRanges({ replicas, orphans }: NodeStatus): ReadonlySet<RangeId> {
  const unread = replicas.filter(
    ({ range, descriptorEpoch }) => descriptorEpoch === null && !orphans.includes(range),
  );
  return new Set(unread.map(({ range }) => range));
}
