// The followers of an owner in one epoch: the progress of each other replica that the descriptor names.

import type { ReplicaRef } from '../../common/model/descriptor.ts';
import type { NodeId, Seq } from '../../common/model/ids.ts';
import type { LogState } from './log-state.ts';
import { FollowerProgress } from './progress.ts';
import type { Rejection } from './replica-messages.ts';

export class Followers implements Iterable<FollowerProgress> {
  readonly #self: NodeId;
  readonly #log: LogState;
  readonly #followers = new Map<NodeId, FollowerProgress>();

  constructor(self: NodeId, log: LogState) {
    this.#self = self;
    this.#log = log;
  }

  [Symbol.iterator](): IterableIterator<FollowerProgress> {
    return this.#followers.values();
  }

  get(node: NodeId): FollowerProgress | undefined {
    return this.#followers.get(node);
  }

  /** R9: what is known of a replica is forgotten with its inc. */
  adopt(replicas: readonly ReplicaRef[], now: number): void {
    for (const { node, inc } of replicas) {
      if (node === this.#self || this.#followers.get(node)?.inc === inc) continue;
      this.#followers.set(node, new FollowerProgress(node, inc, this.#log.index.last, now));
    }
    for (const node of this.#followers.keys()) {
      if (!replicas.some((replica) => replica.node === node)) this.#followers.delete(node);
    }
  }

  /**
   * There is a new connection to the follower; entries in flight on the one before do not arrive. It is probed at once, where
   * it is known to have everything: the next idle Append and its rejection would take two round trips more.
   */
  reachable(node: NodeId): void {
    const follower = this.#followers.get(node);
    if (follower === undefined || follower.state === 'snapshot') return;
    const { acked } = follower;
    const epoch = acked === 0 ? undefined : this.#log.index.epochAt(acked);
    follower.becomeProbe(epoch === undefined ? this.#log.index.last : { epoch, seq: acked });
  }

  /**
   * R3: the owner backs up to where the logs may meet. True: that is nowhere, or no progress, and the follower needs a
   * snapshot from now on.
   */
  rejected(follower: FollowerProgress, rejection: Rejection): boolean {
    if (follower.state === 'snapshot') return false;
    if (follower.state === 'probe' && follower.probeAt.seq !== rejection.prevSeq) return false;
    follower.takeBack(rejection.newest.seq);
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

  /** Whether all of them pass the test, are sent entries as they come, and have acknowledged everything. */
  haveAll(isMember: (node: NodeId) => boolean): boolean {
    const { lastSeq } = this.#log.index;
    for (const follower of this.#followers.values()) {
      if (!follower.hasAll(lastSeq) || !isMember(follower.node)) return false;
    }
    return true;
  }

  /** What every follower has acknowledged, at most commitSeq. */
  get leastAcked(): Seq {
    let least = this.#log.commitSeq;
    for (const { acked } of this.#followers.values()) least = Math.min(least, acked);
    return least;
  }

  /** Those of the members, but for the owner itself, that have not acknowledged everything. */
  behind(members: readonly NodeId[]): readonly NodeId[] {
    const { lastSeq } = this.#log.index;
    return members.filter((node) => (this.#followers.get(node)?.acked ?? lastSeq) < lastSeq);
  }
}
