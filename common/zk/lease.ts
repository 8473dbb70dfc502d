// The lease [safety]: until when a session's ephemerals certainly exist. It is computed from the times of heartbeats alone.
//
// A heartbeat is a quorum write. It does not prolong the session itself: the server that received it reports the session to
// ZooKeeper's leader with its next ping, at most tickTime/2 later. When a later heartbeat that was sent after this ping was due is
// answered, the ping must have arrived. So let j be the newest heartbeat whose answer came at least tickTime/2 + slack before a
// later, answered one was sent. Then ZooKeeper's leader has renewed the session after SENT(j), and the lease ends at
// SENT(j) + T - tickTime/2 - slack. (If the session moves to another server in between, it is renewed then, which is later still.)

import { assert } from '../base/assert.ts';

/** Times of Env.now(), ms. */
export interface Heartbeat {
  readonly sentAt: number;
  readonly answeredAt: number;
}

export interface LeaseTerms {
  /** T, negotiated, ms. */
  readonly timeoutMs: number;
  /** ZooKeeper's tickTime, ms. */
  readonly tickMs: number;
  /** For differences of clock rates and for scheduling, ms. */
  readonly slackMs: number;
}

export class Lease {
  /** Heartbeats that were answered and not yet confirmed by a later one, in the order in which they were sent. */
  #unconfirmed: Heartbeat[] = [];
  #until = Number.NEGATIVE_INFINITY;

  /** The end of the lease, an instant of Env.now(). Negative infinity until a heartbeat has been confirmed. Never goes back. */
  get until(): number {
    return this.#until;
  }

  /** To be called once for every heartbeat that succeeded, in the order in which they were sent. */
  answered(heartbeat: Heartbeat, terms: LeaseTerms): void {
    const { sentAt, answeredAt } = heartbeat;
    assert(answeredAt >= sentAt, 'a heartbeat is sent before it is answered');
    assert(
      sentAt >= (this.#unconfirmed.at(-1)?.sentAt ?? sentAt),
      'heartbeats are reported in the order in which they were sent',
    );
    const settleMs = terms.tickMs / 2 + terms.slackMs;
    const index = this.#unconfirmed.findLastIndex((earlier) => earlier.answeredAt + settleMs <= sentAt);
    const confirmed = this.#unconfirmed[index];
    if (confirmed !== undefined) {
      this.#until = Math.max(this.#until, confirmed.sentAt + terms.timeoutMs - settleMs);
      this.#unconfirmed.splice(0, index + 1);
    }
    this.#unconfirmed.push(heartbeat);
  }
}
