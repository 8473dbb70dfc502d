// R4: which seq is committed, given the acknowledgements of the maximal in-sync set.

import type { Seq } from '../../common/model/ids.ts';

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
