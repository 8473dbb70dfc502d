// R5: an owner that commits nothing while entries wait hands over, because it may be the one that is cut off. If the next owner
// commits nothing either (the in-sync set is at its minimum, and two members cannot reach each other), the range would move
// back and forth for ever. So each hand-over that did not help doubles the wait before the next one, up to a bound. Each
// replica has one backoff, which outlives its ownerships. It counts this node's own hand-overs only.

import type { ReplicationConfig } from '../../common/model/config.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import type { Epoch, NodeId, Seq } from '../../common/model/ids.ts';
import type { Intent, LiveStandings } from './replica-messages.ts';

type Waits = Pick<ReplicationConfig, 'stuckMs' | 'stuckMsMax'>;

export class HandOverBackoff {
  #failed = 0;
  /** The commitSeq at the last hand-over. */
  #commitSeq: Seq = 0;
  #live: LiveStandings = new Map();
  #reportedIn: Epoch | null = null;

  /** How many hand-overs there were since the last commit. */
  failed(commitSeq: Seq): number {
    return commitSeq > this.#commitSeq ? 0 : this.#failed;
  }

  /** How long an owner must commit nothing before it hands over, ms. */
  waitMs(commitSeq: Seq, { stuckMs, stuckMsMax }: Waits): number {
    return Math.min(stuckMsMax, stuckMs * 2 ** this.failed(commitSeq));
  }

  /** Reports an owner that keeps the range although it commits nothing; null if this epoch's report was made already. */
  report(epoch: Epoch, commitSeq: Seq, unresponsive: readonly NodeId[], waitMs: number): Intent | null {
    if (this.#reportedIn === epoch) return null;
    this.#reportedIn = epoch;
    return { kind: 'report-stuck', unresponsive, failedHandOvers: this.failed(commitSeq), waitMs };
  }

  handedOver(commitSeq: Seq): void {
    this.#failed = this.failed(commitSeq) + 1;
    this.#commitSeq = commitSeq;
  }

  /** When a replica's node comes back, a hand-over may help again, so the wait starts from the shortest. */
  setLive(live: LiveStandings, range: Descriptor | undefined): void {
    const someCameBack = range?.replicas.some(({ node }) => live.has(node) && !this.#live.has(node));
    if (someCameBack) this.#failed = 0;
    this.#live = live;
  }
}
