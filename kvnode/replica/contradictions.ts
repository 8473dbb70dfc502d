// What an owner does when a follower says that it holds a committed entry which the owner's log lacks or contradicts
// (impossible-claims.ts): one of the two disks, or ZooKeeper, lost what it had promised (R12). Decided here:
//
// An in-sync member's word stops the owner at once: no reads, no writes, no commits. The member is not taken out of the
// in-sync set for its silence (R5), or the data would be gone with it. Where nothing that is committed at the *owner* is
// contradicted, the member's log is the better one, and the range is handed over to it: R8 allows it, for it is in-sync,
// and what the owner's log has from that entry on was never acknowledged. Where something is, two histories were
// acknowledged; then the owner keeps the range and serves nothing, because a person has to choose.
//
// A learner's word stops nothing: the in-sync set holds every acknowledged write, and its members agree. It is reported,
// and the learner keeps its data and stays out.

import type { Epoch, NodeId, Seq } from '../../common/model/ids.ts';
import type { Conflict } from './replica-messages.ts';

export class Contest {
  #conflict: Conflict | null = null;
  readonly #learners = new Set<NodeId>();

  /** Null: not contested. Else nothing is served any more in this epoch. */
  get conflict(): Conflict | null {
    return this.#conflict;
  }

  /** What `node` says, where it is news that people must hear; null: it was heard before. */
  raise(node: NodeId, epoch: Epoch, seq: Seq, isInSync: boolean): Conflict | null {
    const text = `it holds committed entry ${seq}, which contradicts the log of the owner of epoch ${epoch}`;
    const conflict = { node, epoch, seq, text };
    const isNew = isInSync ? this.#conflict === null : !this.#learners.has(node);
    if (isInSync) this.#conflict ??= conflict;
    else this.#learners.add(node);
    return isNew ? conflict : null;
  }

  /** The member to hand over to; null: there is none that is certainly right. */
  better(commitSeq: Seq): NodeId | null {
    return this.#conflict !== null && this.#conflict.seq > commitSeq ? this.#conflict.node : null;
  }
}
