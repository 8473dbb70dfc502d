// R8: which member a hand-over goes to.

import { type Descriptor, isInSync } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { FollowerProgress } from './progress.ts';
import type { LiveStandings } from './replica-messages.ts';

/** The node is live and not about to stop. */
export function mayTakeOver(live: LiveStandings, node: NodeId): boolean {
  return live.has(node) && live.get(node) !== 'stopping';
}

/**
 * The best member to hand over to; null if there is none. It is in-sync, live and healthy. A draining node is chosen only if
 * there is no other. Among equals, the one whose acknowledgement came last is chosen.
 */
export function bestTransferee(
  followers: Iterable<FollowerProgress>,
  descriptor: Descriptor,
  live: LiveStandings,
): NodeId | null {
  let best: FollowerProgress | null = null;
  for (const follower of followers) {
    const { node, unhealthy } = follower;
    if (unhealthy || !isInSync(descriptor, node) || !mayTakeOver(live, node)) continue;
    if (best === null || isBetter(follower, best, live)) best = follower;
  }
  return best?.node ?? null;
}

function isBetter(a: FollowerProgress, b: FollowerProgress, live: LiveStandings): boolean {
  const aStays = live.get(a.node) === 'staying';
  const bStays = live.get(b.node) === 'staying';
  return aStays === bStays ? a.lastAckAt > b.lastAckAt : aStays;
}
