// The highest seq of each range whose state this client has seen. So a client never goes back in time: each stale read carries this
// seq, and a replica that has not applied so much answers BEHIND. A client sees the state of a range through:
//
//   get-reply, scan-reply        appliedSeq, also if the key is absent
//   write-reply                  revision: the seq of the write, also if the answer is repeated (R13)
//   CONFLICT, CLIENT_FORGOTTEN   seq: where this was decided, or where that answer was repeated
//
// Other errors, and a node's status, show nothing of the state.

import type { Descriptor } from '../common/model/descriptor.ts';
import type { RangeId, Seq } from '../common/model/ids.ts';

export class Seen {
  readonly #seqs = new Map<RangeId, Seq>();

  note(range: RangeId, seq: Seq): void {
    if (seq > (this.#seqs.get(range) ?? 0)) this.#seqs.set(range, seq);
  }

  /** The range has ended. Those that replaced it begin above what was seen of it. */
  forget(range: RangeId): void {
    this.#seqs.delete(range);
  }

  /** The seq that an answer for this range must reflect. What was seen of ranges that it replaced is below its base (S3). */
  of({ id, base }: Descriptor): Seq {
    return Math.max(this.#seqs.get(id) ?? 0, base.seq);
  }
}
