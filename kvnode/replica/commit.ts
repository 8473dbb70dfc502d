// R4: what is committed, from acknowledgements and the maximal in-sync set.

import type { Seq } from '../../common/model/ids.ts';

/**
 * The highest seq that every member has acknowledged under the owner's epoch.
 * @param ownSynced what the owner itself has synced
 * @param acked one number per other member of the maximal in-sync set
 */
export function committedSeq(ownSynced: Seq, acked: Iterable<Seq>): Seq {
  let seq = ownSynced;
  for (const ack of acked) seq = Math.min(seq, ack);
  return seq;
}
