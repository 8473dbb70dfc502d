// A client never goes back in time: for every range, the highest seq whose state it has been shown. It goes with each stale
// read, and a replica that has not applied so much answers BEHIND. What shows a range's state, and where:
//
//   get-reply, scan-reply        appliedSeq, that there is no such key included
//   write-reply                  revision: the seq of the write, also where it is answered again (R13)
//   CONFLICT, CLIENT_FORGOTTEN   seq: where it was decided, or where that was told again
//
// All other errors, and a node's status, show nothing of what the keys hold.

import type { Descriptor } from '../common/model/descriptor.ts';
import type { RangeId, Seq } from '../common/model/ids.ts';

export class Seen {
  private readonly seqs = new Map<RangeId, Seq>();

  note(range: RangeId, seq: Seq): void {
    if (seq > (this.seqs.get(range) ?? 0)) this.seqs.set(range, seq);
  }

  /** What an answer for this range must reflect. The right half of a split begins with what was seen of the whole. */
  of({ id, parent }: Descriptor): Seq {
    const own = this.seqs.get(id) ?? 0;
    if (parent === null) return own;
    return Math.max(own, Math.min(this.seqs.get(parent.range) ?? 0, parent.at.seq));
  }
}
