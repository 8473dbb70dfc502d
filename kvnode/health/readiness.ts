// Whether a node is ready for work, which `/readyz` shows. Pure functions of what the node knows about itself. A healthy node that
// owns nothing is ready.

import type { DescriptorImage } from '../../common/model/descriptor.ts';
import type { Epoch, NodeId } from '../../common/model/ids.ts';
import type { Unreachable } from '../../common/model/records.ts';

export interface OwnedCounts {
  /** Ranges whose newest known descriptor names this node as owner. */
  readonly owned: number;
  /** The ones among them in which it serves linearizable reads now. */
  readonly served: number;
}

interface HeldRange {
  readonly replica: {
    readonly image: DescriptorImage | null;
    readRefusal(epoch: Epoch): unknown;
  };
}

export function countOwned(node: NodeId, ranges: Iterable<HeldRange>): OwnedCounts {
  let owned = 0;
  let served = 0;
  for (const { replica } of ranges) {
    const descriptor = replica.image?.descriptor;
    if (descriptor?.state !== 'serving' || descriptor.owner.node !== node) continue;
    owned++;
    if (replica.readRefusal(descriptor.epoch) === null) served++;
  }
  return { owned, served };
}

interface RegisteredNode {
  /** Why nothing should be owned there; null if it is healthy. */
  readonly unhealthyReason: string | null;
  ownedCounts(): OwnedCounts;
}

/**
 * Why a node with a live znode is not ready, in one line; null if it is.
 * @param unreachable what the leader has noted of the node's connections
 */
export function notReadyReason(node: RegisteredNode, unreachable: Unreachable | null): string | null {
  if (node.unhealthyReason !== null) return node.unhealthyReason;
  if (unreachable?.cutOff) return `no connection with ${unreachable.by.join(', ')}, says the coordinator`;
  const { owned, served } = node.ownedCounts();
  if (owned > 0 && served === 0) return `serves none of the ${owned} ranges that name it owner`;
  return null;
}
