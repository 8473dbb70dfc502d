// What replicas say to each other and what a replica asks of the node around it. Plain data; the node turns messages
// into frames and intents into ZooKeeper writes and transfers.

import type { Descriptor } from '../../common/model/descriptor.ts';
import type { Epoch, Inc, NodeId, Position, Seq } from '../../common/model/ids.ts';
import type { Standing } from '../../common/model/records.ts';
import type { LogEntry } from '../storage/storage.ts';

/** The nodes that have a live znode, as last seen, and whether they stay. */
export type LiveStandings = ReadonlyMap<NodeId, Standing>;

/** R3, owner to follower. One-way: lost, repeated or reordered ones do no harm. */
export interface Append {
  readonly kind: 'append';
  /** Of the replica addressed. */
  readonly inc: Inc;
  readonly epoch: Epoch;
  readonly prev: Position;
  readonly entries: readonly LogEntry[];
  readonly commitSeq: Seq;
  /** R11: the newest stamp heard from this follower; null unless the owner may vouch for commitSeq. */
  readonly echo: number | null;
}

/** R3, follower to owner. */
export interface AppendAck {
  readonly kind: 'append-ack';
  readonly inc: Inc;
  /** The follower's epochSeen, durable. */
  readonly epoch: Epoch;
  /** min(verified, synced) under that epoch. */
  readonly acked: Seq;
  /** Set where prev was not in the log. */
  readonly rejection: Rejection | null;
  /** The follower's monotonic clock. */
  readonly stamp: number;
  /** The follower's disk stalls or is full: it should own nothing. */
  readonly unfit: boolean;
  /**
   * Set where the follower refuses all that comes under this epoch, because it holds a committed entry at this seq that
   * the owner's log contradicts (impossible-claims.ts). What it acknowledged before stays acknowledged.
   */
  readonly contradiction: Seq | null;
}

export interface Rejection {
  readonly prevSeq: Seq;
  /** The follower's newest position at or before prev; the origin where it holds nothing, or is void. */
  readonly newest: Position;
}

export interface Outgoing {
  readonly to: NodeId;
  readonly message: Append | AppendAck;
}

/** Something that R1 to R12 rule out, and that people must know of. */
export interface Conflict {
  /** Who claims it. */
  readonly node: NodeId;
  readonly epoch: Epoch;
  readonly seq: Seq;
  /** One clause, without the range. */
  readonly text: string;
}

/** What a write to the descriptor is for: `node` leaves (R5), joins (R6), or becomes owner (R8). */
export interface Purpose {
  readonly kind: 'shrink' | 'expand' | 'hand-over';
  readonly node: NodeId;
}

/** What the node must do for a replica; the outcome comes back as an event. */
export type Intent =
  /** Answer: event `cas-outcome`. */
  | {
      readonly kind: 'compare-and-set';
      readonly purpose: Purpose;
      readonly next: Descriptor;
      readonly expected: number;
      readonly why: string;
    }
  /** Answer: event `image`. */
  | { readonly kind: 'read-image' }
  /** R8: read the live session of `node` now, after D. Answer: event `session-read`. */
  | { readonly kind: 'read-session'; readonly node: NodeId }
  /**
   * People are to hear that this owner commits nothing, as `silent` acknowledge nothing, and that it keeps the range for up to
   * `waitMs` because it was handed over `inVain` times. No answer.
   */
  | {
      readonly kind: 'report-stuck';
      readonly silent: readonly NodeId[];
      readonly inVain: number;
      readonly waitMs: number;
    }
  /** To be logged, and written into the timeline, once. */
  | { readonly kind: 'report'; readonly conflict: Conflict }
  /** Answer: event `snapshot-sent`. */
  | { readonly kind: 'send-snapshot'; readonly to: NodeId; readonly inc: Inc };

/** What happened since the last take(), in the order in which the node must carry it out. */
export interface Ready {
  /** 1. Send: before clients are answered, so that replicas know of a commit no later than clients do. */
  readonly messages: readonly Outgoing[];
  /** 2. Apply through here, answering the clients that wait. */
  readonly commitSeq: Seq;
  /** 3. The epoch whose ownership ended, if one did: writes that wait and were not applied are of unknown outcome. */
  readonly lost: Epoch | null;
  /** 4. */
  readonly intents: readonly Intent[];
}
