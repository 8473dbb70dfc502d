// R5: an owner that commits nothing while entries wait hands over, for it may be the one that is cut off. Where the next owner
// commits nothing either (the in-sync set is at its minimum, and two of its members cannot reach each other), the range would
// go back and forth for ever, with a new epoch every few seconds. So each hand-over in vain doubles the wait before the next
// one, up to a bound. There is one of these for each replica, and it outlives its ownerships: a node counts its own hand-overs.

import type { ReplicationConfig } from '../../common/model/config.ts';
import type { Descriptor } from '../../common/model/descriptor.ts';
import type { Epoch, NodeId, Seq } from '../../common/model/ids.ts';
import type { Intent, LiveStandings } from './replica-messages.ts';

type Waits = Pick<ReplicationConfig, 'stuckMs' | 'stuckMsMax'>;

export class StuckHandOvers {
  #inVain = 0;
  /** What was committed here at the last one. */
  #commitSeq: Seq = 0;
  #live: LiveStandings = new Map();
  #reportedIn: Epoch | null = null;

  /** How many there have been since something was committed. */
  inVain(commitSeq: Seq): number {
    return commitSeq > this.#commitSeq ? 0 : this.#inVain;
  }

  /** How long an owner has to commit nothing before the next one, ms. */
  waitMs(commitSeq: Seq, { stuckMs, stuckMsMax }: Waits): number {
    return Math.min(stuckMsMax, stuckMs * 2 ** this.inVain(commitSeq));
  }

  /** What people are to hear of an owner that keeps the range although nothing commits; null: they have heard it in this epoch. */
  report(epoch: Epoch, commitSeq: Seq, silent: readonly NodeId[], waitMs: number): Intent | null {
    if (this.#reportedIn === epoch) return null;
    this.#reportedIn = epoch;
    return { kind: 'report-stuck', silent, inVain: this.inVain(commitSeq), waitMs };
  }

  handedOver(commitSeq: Seq): void {
    this.#inVain = this.inVain(commitSeq) + 1;
    this.#commitSeq = commitSeq;
  }

  /** Where a member has come back, a hand-over may help again. */
  setLive(live: LiveStandings, range: Descriptor | undefined): void {
    const someCame = range?.replicas.some(({ node }) => live.has(node) && !this.#live.has(node));
    if (someCame) this.#inVain = 0;
    this.#live = live;
  }
}
