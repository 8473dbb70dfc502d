// Which member an owner should remove from the in-sync set. Pure functions; ownership.ts makes the change.

import { type Descriptor, isInSync } from '../../common/model/descriptor.ts';
import type { NodeId, Seq } from '../../common/model/ids.ts';
import type { FollowerProgress } from './progress.ts';
import type { ProgressTracker } from './progress-tracker.ts';

export interface RemovalCandidate {
  readonly node: NodeId;
  /** True: its session has ended. False: it is live, but late. */
  readonly isGone: boolean;
}

/**
 * R5: the member to remove first; null if all are live and in time. A member that is gone leaves before one that is only late,
 * because the late one may come back with its data. Among several of one kind, the one furthest behind leaves first.
 */
export function memberToRemove(
  { inSync }: Pick<Descriptor, 'inSync'>,
  followers: Pick<ProgressTracker, 'get'>,
  isLive: (node: NodeId) => boolean,
  isLate: (follower: FollowerProgress) => boolean,
): RemovalCandidate | null {
  const members = inSync.flatMap((node) => followers.get(node) ?? []);
  const gone = members.filter(({ node }) => !isLive(node));
  const candidates = gone.length > 0 ? gone : members.filter(isLate);
  const [first] = candidates.toSorted((a, b) => a.acked - b.acked);
  return first === undefined ? null : { node: first.node, isGone: gone.length > 0 };
}

/** R9: the member that the leader wants to retire, once all other replicas are in-sync; null: none, or not yet. */
export function retiringMember(descriptor: Descriptor, self: NodeId): NodeId | null {
  const { retire, inSync, replicas, minInSync } = descriptor;
  if (retire === null || retire === self || !isInSync(descriptor, retire)) return null;
  return inSync.length < replicas.length || inSync.length <= minInSync ? null : retire;
}

export interface LaggingLearner {
  readonly node: NodeId;
  /** When it last made progress, an instant of Env.now(). */
  readonly since: number;
}

/** R6: the replicas that cannot join the in-sync set, because they lack something up to `needed`. */
export function laggingLearners(
  descriptor: Descriptor,
  followers: Iterable<FollowerProgress>,
  needed: Seq,
): readonly LaggingLearner[] {
  const lagging: LaggingLearner[] = [];
  for (const { node, acked, progressedAt } of followers) {
    if (isInSync(descriptor, node) || descriptor.retire === node || acked >= needed) continue;
    lagging.push({ node, since: progressedAt });
  }
  return lagging;
}
