// Which member of the in-sync set should leave it, as an owner sees it. Pure; ownership.ts makes the change.

import { type Descriptor, isInSync } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { FollowerProgress } from './progress.ts';
import type { Followers } from './progress-tracker.ts';

export interface SilentMember {
  readonly node: NodeId;
  /** Its session has ended; else it lives, and is late. */
  readonly isGone: boolean;
}

/**
 * R5: the silent member that leaves first; null: none is silent. One that is gone leaves before one that is only late, as the
 * late one may come back with what it has; among the same kind the one that is furthest behind.
 */
export function silentMember(
  { inSync }: Pick<Descriptor, 'inSync'>,
  followers: Pick<Followers, 'get'>,
  isLive: (node: NodeId) => boolean,
  isLate: (follower: FollowerProgress) => boolean,
): SilentMember | null {
  const members = inSync.flatMap((node) => followers.get(node) ?? []);
  const gone = members.filter(({ node }) => !isLive(node));
  const candidates = gone.length > 0 ? gone : members.filter(isLate);
  const [first] = candidates.toSorted((a, b) => a.acked - b.acked);
  return first === undefined ? null : { node: first.node, isGone: gone.length > 0 };
}

/** R9: the member that the leader wants to remove, once all others are in-sync; null: none, or not yet. */
export function retiringMember(descriptor: Descriptor, self: NodeId): NodeId | null {
  const { retire, inSync, replicas, minInSync } = descriptor;
  if (retire === null || retire === self || !isInSync(descriptor, retire)) return null;
  return inSync.length < replicas.length || inSync.length <= minInSync ? null : retire;
}
