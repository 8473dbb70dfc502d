// R8: to whom an owner may hand over, and to whom best.

import { type Descriptor, isInSync } from '../../common/model/descriptor.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { FollowerProgress } from './progress.ts';
import type { LiveStandings } from './replica-messages.ts';

/** `serving`; `draining`: new writes wait for the hand-over, reads go on; `stopped`: neither, the write to D is out (R8). */
export type HandOverPhase =
  | { readonly kind: 'serving' }
  | {
      readonly kind: 'draining';
      readonly to: NodeId;
      readonly since: number;
      /** R5: because nothing commits. */
      readonly isStuck: boolean;
      askedSession: boolean;
    }
  | { readonly kind: 'stopped'; readonly to: NodeId };

/** Live, and not about to stop. */
export function lasts(live: LiveStandings, node: NodeId): boolean {
  return live.has(node) && live.get(node) !== 'stopping';
}

/**
 * A live in-sync member with a disk that works; one that is to be emptied only where there is no other; of several the one that was
 * heard last.
 */
export function bestTransferee(
  followers: Iterable<FollowerProgress>,
  descriptor: Descriptor,
  live: LiveStandings,
): NodeId | null {
  let best: FollowerProgress | null = null;
  for (const follower of followers) {
    const { node, unfit } = follower;
    if (unfit || !isInSync(descriptor, node) || !lasts(live, node)) continue;
    if (best === null || isBetter(follower, best, live)) best = follower;
  }
  return best?.node ?? null;
}

function isBetter(a: FollowerProgress, b: FollowerProgress, live: LiveStandings): boolean {
  const aStays = live.get(a.node) === 'staying';
  const bStays = live.get(b.node) === 'staying';
  return aStays === bStays ? a.heardAt > b.heardAt : aStays;
}
