// What a replica does about claims that the rules exclude (impossible-claims.ts): it refuses them, reports the first, and is fenced
// from their epoch until epochSeen rises. While it is fenced it acknowledges and applies nothing, whoever asks.

import type { Epoch, NodeId, Seq } from '../../common/model/ids.ts';
import type { ImpossibleClaim } from './impossible-claims.ts';
import type { Conflict, Intent } from './replica-messages.ts';

export interface Claimant {
  readonly from: NodeId;
  readonly epoch: Epoch;
  /** This node, where it owns that epoch itself. */
  readonly owner: NodeId | null;
  readonly commitSeq: Seq;
}

export class Fence {
  /** Whose messages are taken under the present epochSeen; null: nobody's came yet. */
  #owner: NodeId | null = null;
  #conflict: Conflict | null = null;
  #reports: Intent[] = [];

  /** Of the present epochSeen; null: not fenced. */
  get conflict(): Conflict | null {
    return this.#conflict;
  }

  /** epochSeen has risen: under another epoch there is another owner. */
  lift(): void {
    this.#owner = null;
    this.#conflict = null;
  }

  /**
   * Whether a message of an owner may be taken, which is then judged by `judge`. R1: an epoch has one owner; a ZooKeeper that
   * was restored may give the same one twice, and then neither counts.
   */
  admits({ from, epoch, owner, commitSeq }: Claimant, judge: () => ImpossibleClaim | null): boolean {
    const first = owner ?? this.#owner ?? from;
    const claim =
      first === from ? judge() : { seq: commitSeq + 1, text: `epoch ${epoch} is owned by ${first} already` };
    this.#owner = first;
    if (claim !== null && this.#conflict === null) {
      this.#conflict = { node: from, epoch, ...claim };
      this.#reports.push({ kind: 'report', conflict: this.#conflict });
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
