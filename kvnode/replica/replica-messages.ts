// The interface of a replica. The node feeds it events (ReplicaEvent) and then calls take(), which returns what the node must
// do (Ready): send messages to other replicas, apply entries, and send requests to ZooKeeper and to the snapshot
// transfer (Intent). All of it is plain data. The node turns messages into frames.

import type { Descriptor, DescriptorImage } from '../../common/model/descriptor.ts';
import type { Epoch, Inc, NodeId, Position, Seq, SessionId } from '../../common/model/ids.ts';
import type { Standing } from '../../common/model/records.ts';
import type { LogEntry } from '../storage/storage.ts';

/** The nodes that have a live znode, as last seen, and whether each one stays. */
export type LiveStandings = ReadonlyMap<NodeId, Standing>;

// ---- messages between replicas -------------------------------------------------------------------------------------

/** R3: from the owner to a follower. It may be lost, repeated or reordered without harm. */
export interface AppendMessage {
  readonly kind: 'append';
  /** The inc of the replica that it is meant for. */
  readonly inc: Inc;
  readonly epoch: Epoch;
  /** The position of the entry before `entries`. */
  readonly prev: Position;
  readonly entries: readonly LogEntry[];
  readonly commitSeq: Seq;
  /** R11: the newest stamp received from this follower; null while the owner may not serve linearizable reads. */
  readonly echo: number | null;
}

/** R3: from a follower to the owner. */
export interface AckMessage {
  readonly kind: 'append-ack';
  readonly inc: Inc;
  /** The follower's epochSeen. It is durable. */
  readonly epoch: Epoch;
  /** min(verified, synced) under that epoch. */
  readonly acked: Seq;
  /** Not null if the follower's log does not contain `prev`. */
  readonly rejection: Rejection | null;
  /** R11: the follower's monotonic clock, ms. */
  readonly stamp: number;
  /** The follower's node should own nothing: its disk stalls or is full, or its data is damaged. */
  readonly unhealthy: boolean;
  /**
   * Not null if the follower refuses everything under this epoch, because it holds a committed entry at this seq that the owner's
   * log contradicts (impossible-claims.ts). What it acknowledged before stays acknowledged.
   */
  readonly contradiction: Seq | null;
}

export interface Rejection {
  /** The seq of the `prev` that was rejected. */
  readonly prevSeq: Seq;
  /** The follower's newest position at or before prev; the origin if its log is empty or void. */
  readonly newest: Position;
}

export interface Outgoing {
  readonly to: NodeId;
  readonly message: AppendMessage | AckMessage;
}

// ---- events: what the node feeds to Replica.step() -------------------------------------------------------------------

export type ReplicaEvent =
  /** The range's descriptor was read. `session` is this node's ZooKeeper session at that time. */
  | { readonly kind: 'image'; readonly image: DescriptorImage; readonly session: SessionId | null }
  | { readonly kind: 'session-ended' }
  /** S6: the range was replaced, and the log holds `final`: through there everything is committed. */
  | { readonly kind: 'ended'; readonly final: Position }
  /** S6: this replica was just made; the owner of its range need not wait for anything. */
  | { readonly kind: 'announce'; readonly to: NodeId }
  /** The set of live nodes changed. */
  | { readonly kind: 'live'; readonly nodes: LiveStandings }
  /** There is a new connection to this node. Messages that were sent on the previous one may be lost. */
  | { readonly kind: 'connected'; readonly node: NodeId }
  | { readonly kind: 'append'; readonly from: NodeId; readonly message: AppendMessage }
  /** All groups of the log through `group` are on disk. */
  | { readonly kind: 'synced'; readonly group: number }
  /** The node has applied all entries through `seq`. */
  | { readonly kind: 'applied'; readonly seq: Seq }
  | OwnerEvent;

/** Only an owner does something with these; another replica ignores them. */
export type OwnerEvent =
  | { readonly kind: 'append-ack'; readonly from: NodeId; readonly message: AckMessage }
  /** Answers the intent `compare-and-set`. */
  | { readonly kind: 'cas-outcome'; readonly expected: number; readonly outcome: CasOutcome }
  /** Answers the intent `read-session`. */
  | { readonly kind: 'session-read'; readonly node: NodeId; readonly session: SessionId | null }
  /** Answers the intent `send-snapshot`. */
  | { readonly kind: 'snapshot-sent'; readonly to: NodeId; readonly inc: Inc; readonly installed: boolean }
  /** R8: the node asks to hand over to the best candidate (SIGTERM, draining, an unhealthy disk). */
  | { readonly kind: 'hand-over' }
  /** `heartbeatMs`: the interval of heartbeats on this node, ms. `pausedMs`: the time since the node's previous tick, ms. */
  | { readonly kind: 'tick'; readonly heartbeatMs: number; readonly pausedMs: number };

/** R10: the result of one attempt at a compare-and-set. `unknown`: the answer was lost. */
export type CasOutcome = 'done' | 'refused' | 'unknown';

// ---- what take() returns ---------------------------------------------------------------------------------------------

/** Something that R1 to R12 exclude. People must hear of it. */
export interface Conflict {
  /** The node that claims it. */
  readonly node: NodeId;
  readonly epoch: Epoch;
  readonly seq: Seq;
  /** One clause, without the range. */
  readonly text: string;
}

/** What a write to the descriptor does: `node` leaves the in-sync set (R5), joins it (R6), or becomes owner (R8). */
export interface Purpose {
  readonly kind: 'shrink' | 'expand' | 'hand-over';
  readonly node: NodeId;
}

/** What the node must do for a replica. The outcome comes back as an event. */
export type Intent =
  /** Answered by the event `cas-outcome`. */
  | {
      readonly kind: 'compare-and-set';
      readonly purpose: Purpose;
      readonly next: Descriptor;
      readonly expected: number;
      readonly why: string;
    }
  /** Answered by the event `image`. */
  | { readonly kind: 'read-image' }
  /** R8: read the live session of `node` now, which is after D was read. Answered by the event `session-read`. */
  | { readonly kind: 'read-session'; readonly node: NodeId }
  /**
   * Report to people that this owner commits nothing because `unresponsive` acknowledge nothing. It keeps the range for up to
   * `waitMs`, since handing over did not help `failedHandOvers` times. No answer.
   */
  | {
      readonly kind: 'report-stuck';
      readonly unresponsive: readonly NodeId[];
      readonly failedHandOvers: number;
      readonly waitMs: number;
    }
  /** Log the conflict and write it into the timeline, once. No answer. */
  | { readonly kind: 'report-conflict'; readonly conflict: Conflict }
  /** Answered by the event `snapshot-sent`. */
  | { readonly kind: 'send-snapshot'; readonly to: NodeId; readonly inc: Inc };

/** What the node must do now, in the order of the fields. */
export interface Ready {
  /** 1. Send these before any client is answered, so that replicas know of a commit no later than clients do. */
  readonly messages: readonly Outgoing[];
  /** 2. Apply all entries through this seq, and answer the clients that wait for them. */
  readonly commitSeq: Seq;
  /** 3. The epoch whose ownership ended; null if none did. Waiting writes that were not applied end with an unknown outcome. */
  readonly lost: Epoch | null;
  /** 4. Execute these. */
  readonly intents: readonly Intent[];
}
