// R4: the maximal in-sync set, and which seq is committed by its acknowledgements.

import type { Descriptor } from '../../common/model/descriptor.ts';
import type { NodeId, Seq } from '../../common/model/ids.ts';
import type { Purpose } from './replica-messages.ts';

/**
 * The highest seq that every member has acknowledged under the owner's epoch.
 * @param ownSynced the highest seq that the owner itself has synced
 * @param acked one acknowledged seq for each other member of the maximal in-sync set
 */
export function committedSeq(ownSynced: Seq, acked: Iterable<Seq>): Seq {
  let seq = ownSynced;
  for (const ack of acked) seq = Math.min(seq, ack);
  return seq;
}

/** R4: the known set and a pending addition. A removal counts only once it is confirmed. */
export function maximalInSync(
  { inSync }: Pick<Descriptor, 'inSync'>,
  pending: Purpose | undefined,
): readonly NodeId[] {
  return pending?.kind === 'expand' && !inSync.includes(pending.node) ? [...inSync, pending.node] : inSync;
}
