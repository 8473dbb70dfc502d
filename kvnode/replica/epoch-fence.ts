// Fences a replica from an epoch whose owner claims something that the rules exclude (impossible-claims.ts). The replica refuses
// the claim and reports the first one. While it is fenced it acknowledges and applies nothing. The fence is lifted when
// epochSeen rises.

import type { Epoch, NodeId, Seq } from '../../common/model/ids.ts';
import type { ImpossibleClaim } from './impossible-claims.ts';
import type { Conflict, Intent } from './replica-messages.ts';

/** A message that was sent by the owner of the present epochSeen, or by a node that claims to be that. */
export interface OwnerClaim {
  readonly from: NodeId;
  readonly epoch: Epoch;
  /** This node, if it owns that epoch itself; otherwise null. */
  readonly owner: NodeId | null;
  readonly commitSeq: Seq;
}

export class EpochFence {
  /** The owner under the present epochSeen; null until its first message. */
  #owner: NodeId | null = null;
  #conflict: Conflict | null = null;
  #reports: Intent[] = [];

  /** Why the replica is fenced from the present epochSeen; null if it is not. */
  get conflict(): Conflict | null {
    return this.#conflict;
  }

  /** epochSeen has risen: the new epoch has another owner. */
  lift(): void {
    this.#owner = null;
    this.#conflict = null;
  }

  /**
   * Whether the message may be accepted. R1: an epoch has one owner. A ZooKeeper that was restored may give an epoch to two
   * owners; then messages of neither are accepted.
   * @param judge checks the content of the message
   */
  admits({ from, epoch, owner, commitSeq }: OwnerClaim, judge: () => ImpossibleClaim | null): boolean {
    const first = owner ?? this.#owner ?? from;
    const claim =
      first === from ? judge() : { seq: commitSeq + 1, text: `epoch ${epoch} is owned by ${first} already` };
    this.#owner = first;
    if (claim !== null && this.#conflict === null) {
      this.#conflict = { node: from, epoch, ...claim };
      this.#reports.push({ kind: 'report-conflict', conflict: this.#conflict });
    }
    return this.#conflict === null;
  }

  get hasReports(): boolean {
    return this.#reports.length > 0;
  }

  takeReports(): readonly Intent[] {
    const reports = this.#reports;
    if (reports.length > 0) this.#reports = [];
    return reports;
  }
}
