// What an owner does when a follower reports a committed entry that the owner's log lacks or contradicts (impossible-claims.ts).
// Then a disk or ZooKeeper has lost something that it had promised to keep (R12).
//
// If an in-sync member says so, the owner stops at once: no reads, no writes, no commits. R5 does not remove the member for
// being late, because its data would be lost with it. If nothing that the *owner* has committed is contradicted, the
// member's log is the better one, and the owner hands over to it. R8 allows that: the member is in-sync, and the owner's
// entries from there on were never acknowledged. Otherwise two histories were acknowledged. The owner then keeps
// the range and serves nothing, because a person has to choose.
//
// If a learner says so, nothing stops: the in-sync set holds every acknowledged write, and its members agree. The conflict is
// reported. The learner keeps its data and stays out of the in-sync set.

import type { Epoch, NodeId, Seq } from '../../common/model/ids.ts';
import type { Conflict } from './replica-messages.ts';

export class Contradictions {
  #conflict: Conflict | null = null;
  readonly #learners = new Set<NodeId>();

  /** The first conflict with an in-sync member; null if there is none. With one, nothing is served in this epoch any more. */
  get conflict(): Conflict | null {
    return this.#conflict;
  }

  /** Records what `node` says. Returns the conflict if it is new and must be reported, otherwise null. */
  record(node: NodeId, epoch: Epoch, seq: Seq, isInSync: boolean): Conflict | null {
    const text = `it holds committed entry ${seq}, which contradicts the log of the owner of epoch ${epoch}`;
    const conflict = { node, epoch, seq, text };
    const isNew = isInSync ? this.#conflict === null : !this.#learners.has(node);
    if (isInSync) this.#conflict ??= conflict;
    else this.#learners.add(node);
    return isNew ? conflict : null;
  }

  /** The member whose log is certainly the better one; null if there is none. */
  memberWithBetterLog(commitSeq: Seq): NodeId | null {
    return this.#conflict !== null && this.#conflict.seq > commitSeq ? this.#conflict.node : null;
  }
}
