// The owner's view of its followers in one epoch: the progress of each other replica that the descriptor lists.

import type { NodeId, Position, ReplicaRef, Seq } from '../../common/model/ids.ts';
import type { LogState } from './log-state.ts';
import { FollowerProgress } from './progress.ts';
import type { Rejection } from './replica-messages.ts';

export class ProgressTracker implements Iterable<FollowerProgress> {
  readonly #self: NodeId;
  readonly #log: LogState;
  readonly #begin: Position;
  readonly #followers = new Map<NodeId, FollowerProgress>();

  /** @param begin the end of the log before this epoch */
  constructor(self: NodeId, log: LogState, begin: Position) {
    this.#self = self;
    this.#log = log;
    this.#begin = begin;
  }

  [Symbol.iterator](): IterableIterator<FollowerProgress> {
    return this.#followers.values();
  }

  get(node: NodeId): FollowerProgress | undefined {
    return this.#followers.get(node);
  }

  /** Takes over the replicas of a descriptor. R9: a replica with a new inc starts with no progress. */
  adopt(replicas: readonly ReplicaRef[], now: number): void {
    for (const { node, inc } of replicas) {
      if (node === this.#self || this.#followers.get(node)?.inc === inc) continue;
      this.#followers.set(node, new FollowerProgress(node, inc, this.#firstProbe, now));
    }
    for (const node of this.#followers.keys()) {
      if (!replicas.some((replica) => replica.node === node)) this.#followers.delete(node);
    }
  }

  /**
   * There is a new connection to the follower. Entries in flight on the previous one are lost, so the follower is probed at once,
   * at what it has acknowledged. To wait for the rejection of the next heartbeat would take two round trips more.
   */
  connected(node: NodeId): void {
    const follower = this.#followers.get(node);
    if (follower === undefined || follower.state === 'snapshot') return;
    const { acked } = follower;
    const epoch = acked === 0 ? undefined : this.#log.index.epochAt(acked);
    follower.becomeProbe(epoch === undefined ? this.#firstProbe : { epoch, seq: acked });
  }

  /** Most followers have all of the log before this epoch, and nothing of the epoch. */
  get #firstProbe(): Position {
    const { index } = this.#log;
    return index.has(this.#begin) ? this.#begin : index.last;
  }

  /**
   * R3: after a rejection the owner goes back to where the two logs may meet. Returns true if they meet nowhere in the owner's
   * log, or if going back makes no progress. Then the follower needs a snapshot.
   */
  rejected(follower: FollowerProgress, rejection: Rejection): boolean {
    if (follower.state === 'snapshot') return false;
    if (follower.state === 'probe' && follower.probeAt.seq !== rejection.prevSeq) return false;
    follower.lowerAcked(rejection.newest.seq);
    const { index } = this.#log;
    const meeting = index.newestAtOrBefore(rejection.newest);
    const apart = rejection.newest.seq < index.base.seq || meeting.epoch > rejection.newest.epoch;
    if (apart || meeting.seq === rejection.prevSeq) {
      follower.becomeSnapshot();
      return true;
    }
    follower.becomeProbe(meeting);
    return false;
  }

  /** Whether every follower passes the test, is in state `stream`, and has acknowledged the whole log. */
  haveAll(isMember: (node: NodeId) => boolean): boolean {
    const { lastSeq } = this.#log.index;
    for (const follower of this.#followers.values()) {
      if (!follower.hasAll(lastSeq) || !isMember(follower.node)) return false;
    }
    return true;
  }

  /** The lowest seq that a follower has acknowledged, at most commitSeq. */
  get minAcked(): Seq {
    let min = this.#log.commitSeq;
    for (const { acked } of this.#followers.values()) min = Math.min(min, acked);
    return min;
  }

  /** Those of the members, apart from the owner, that have not acknowledged the whole log. */
  behind(members: readonly NodeId[]): readonly NodeId[] {
    const { lastSeq } = this.#log.index;
    return members.filter((node) => (this.#followers.get(node)?.acked ?? lastSeq) < lastSeq);
  }
}
