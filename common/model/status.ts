// What a node tells of itself on request (JSON in a StatusReply, and behind the web page): nothing here decides anything.

import type { Epoch, Inc, NodeId, RangeId, Seq } from './ids.ts';
import type { NodeReport, ReplicaReport } from './records.ts';

/** What a replica is doing at this moment. */
export type ReplicaRole = 'owner' | 'starting' | 'follower' | 'learner' | 'void';

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
  /** How long the ownership lease still lasts, in ms; 0: lapsed. */
  readonly leaseMs: number;
  readonly replicas: readonly ReplicaStatus[];
  /** Replicas on this disk whose znode is missing, or is another range's: kept, listed, not used. */
  readonly orphans: readonly RangeId[];
  /** Live nodes that it has no connection with. Absent in the status of an earlier version, as the next one. */
  readonly unreachable?: readonly NodeId[];
  /** Why it owns nothing, in words; null: it is healthy. */
  readonly unfit?: string | null;
  readonly logBytes: number;
  readonly memoryBytes: number;
}

/** What the request `raise-epochs` says of a node; without replicas that it does not use. */
export function reportOf({ node, replicas, orphans }: NodeStatus): NodeReport {
  const used = replicas.filter(({ range }) => !orphans.includes(range));
  return {
    node,
    replicas: used.map(({ range, inc, epochSeen, lastEpoch, lastSeq, role }): ReplicaReport => {
      const standing = role === 'owner' || role === 'starting' ? 'owner' : role === 'void' ? 'void' : 'holds';
      return { range, inc, epochSeen, lastEpoch, lastSeq, role: standing };
    }),
  };
}
