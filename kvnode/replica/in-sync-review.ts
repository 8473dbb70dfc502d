// Which member of the in-sync set should leave it, as an owner sees it. Pure; ownership.ts makes the change.

import { type Descriptor, isInSync } from '../../common/model/descriptor.ts';
import type { NodeId, Seq } from '../../common/model/ids.ts';
import type { FollowerProgress } from './progress.ts';

/** R5: of the members that are silent, the one that is furthest behind; null: none is. */
export function silentMember(
  { inSync }: Descriptor,
  followers: ReadonlyMap<NodeId, FollowerProgress>,
  isSilent: (follower: FollowerProgress) => boolean,
): NodeId | null {
  let furthest: FollowerProgress | null = null;
  for (const node of inSync) {
    const follower = followers.get(node);
    if (follower === undefined || !isSilent(follower)) continue;
    if (furthest === null || follower.acked < furthest.acked) furthest = follower;
  }
  return furthest?.node ?? null;
}

/** R9: the member that the leader wants to remove, once all others are in-sync; null: none, or not yet. */
export function retiringMember(descriptor: Descriptor, self: NodeId): NodeId | null {
  const { retire, inSync, replicas, minInSync } = descriptor;
  if (retire === null || retire === self || !isInSync(descriptor, retire)) return null;
  return inSync.length < replicas.length || inSync.length <= minInSync ? null : retire;
}

/** The members, but for the owner itself, that have not acknowledged `seq`. */
export function membersBehind(
  members: readonly NodeId[],
  followers: ReadonlyMap<NodeId, FollowerProgress>,
  seq: Seq,
): readonly NodeId[] {
  return members.filter((node) => (followers.get(node)?.acked ?? seq) < seq);
}
