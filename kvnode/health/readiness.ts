// Whether a node is ready for work, for /readyz: pure, from what it knows of itself. A healthy node that owns nothing is ready.

import type { DescriptorImage } from '../../common/model/descriptor.ts';
import type { Epoch, NodeId } from '../../common/model/ids.ts';
import type { Unreachable } from '../../common/model/records.ts';

export interface Ownership {
  /** Ranges whose newest known descriptor names the node their owner. */
  readonly owned: number;
  /** Those of them in which it answers linearizable reads now. */
  readonly served: number;
}

interface Held {
  readonly replica: {
    readonly image: DescriptorImage | null;
    readRefusal(epoch: Epoch): unknown;
  };
}

export function ownershipOf(node: NodeId, ranges: Iterable<Held>): Ownership {
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

interface Readiness {
  /** Why nothing should be owned there; null: it is healthy. */
  readonly unfit: string | null;
  ownership(): Ownership;
}

/** Of a node with a live znode: why it is not ready, in a line; null: it is. `unreachable`: what the leader has noted of it. */
export function whyNotReady(node: Readiness, unreachable: Unreachable | null): string | null {
  if (node.unfit !== null) return node.unfit;
  if (unreachable?.cutOff) return `no connection with ${unreachable.by.join(', ')}, says the coordinator`;
  const { owned, served } = node.ownership();
  if (owned > 0 && served === 0) return `serves none of the ${owned} ranges that name it owner`;
  return null;
}
