// What an owner knows of one follower, and what it sends it next. `probe`: where do our logs meet? `stream`: send as it
// comes. `snapshot`: the log no longer reaches back far enough.

import type { Inc, NodeId, Position, Seq } from '../../common/model/ids.ts';

export type Progress =
  /** One empty Append at `prev` at a time; sentAt null: not sent yet. */
  | { readonly kind: 'probe'; readonly prev: Position; sentAt: number | null }
  /** Entries below `next` are sent. */
  | { readonly kind: 'stream'; next: Seq; readonly inflight: Inflight[]; inflightBytes: number }
  /** Being transferred by the node; failedAt set: it will be tried again. */
  | { readonly kind: 'snapshot'; failedAt: number | null };

export interface Inflight {
  readonly lastSeq: Seq;
  readonly bytes: number;
}

export interface FollowerProgress {
  readonly node: NodeId;
  readonly inc: Inc;
  progress: Progress;
  /** Acknowledged under the owner's epoch: it is on the follower's disk. */
  acked: Seq;
  /** Newest stamp heard (R11). */
  stamp: number | null;
  /** When it was last heard; the start of the epoch before that. */
  heardAt: number;
  /** When it last acknowledged more than before; when the owner began to look at it before that. */
  caughtUpAt: number;
  /** Its disk is in trouble, as it said last: it is handed nothing. */
  unfit: boolean;
  /** The commitSeq of the last Append sent, and when that was. */
  sentCommit: Seq;
  sentAt: number;
}

export function newFollower(node: NodeId, inc: Inc, prev: Position, now: number): FollowerProgress {
  return {
    node,
    inc,
    progress: { kind: 'probe', prev, sentAt: null },
    acked: 0,
    stamp: null,
    heardAt: now,
    caughtUpAt: now,
    unfit: false,
    sentCommit: 0,
    sentAt: 0,
  };
}

/** The follower holds everything through `acked`: stream on from there. */
export function startStream(follower: FollowerProgress): void {
  follower.progress = { kind: 'stream', next: follower.acked + 1, inflight: [], inflightBytes: 0 };
}

export function acknowledge(follower: FollowerProgress, acked: Seq, now: number): void {
  if (acked > follower.acked) follower.caughtUpAt = now;
  follower.acked = Math.max(follower.acked, acked);
  const { progress } = follower;
  if (progress.kind === 'probe') return startStream(follower);
  if (progress.kind !== 'stream') return;
  progress.next = Math.max(progress.next, follower.acked + 1);
  while (progress.inflight[0] !== undefined && progress.inflight[0].lastSeq <= follower.acked) {
    progress.inflightBytes -= progress.inflight.shift()?.bytes ?? 0;
  }
}

/** Whether all of them are members, are sent things as they come, and have acknowledged everything. */
export function haveAll(
  followers: Iterable<FollowerProgress>,
  lastSeq: Seq,
  isMember: (node: NodeId) => boolean,
): boolean {
  for (const { node, progress, acked } of followers) {
    if (progress.kind !== 'stream' || acked < lastSeq || !isMember(node)) return false;
  }
  return true;
}
