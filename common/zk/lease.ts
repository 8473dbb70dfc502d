// The lease [safety]: until when a session's ephemerals certainly exist, from the times of its heartbeats alone.
//
// A heartbeat is a quorum write. It does not prolong the session itself: the server that took it reports the session to
// the leader with its next ping, at most tickTime/2 later. That this ping got through is known once a later heartbeat,
// sent after it was due, is answered. So with j the newest heartbeat whose answer came at least tickTime/2 + slack before
// the sending of a later one that was answered too, the leader has renewed the session after SENT(j), and the lease ends
// at SENT(j) + T - tickTime/2 - slack. (If the session moves to another server in between, that server's leader renewed it
// when it was taken up again, later still.)

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
  /** Clock rates and scheduling, ms. */
  readonly slackMs: number;
}

export class Lease {
  /** Answered, not yet confirmed by a later one, in the order of sending. */
  #unconfirmed: Heartbeat[] = [];
  #until = Number.NEGATIVE_INFINITY;

  /** Negative infinity before a heartbeat has been confirmed. Never goes back. */
  get until(): number {
    return this.#until;
  }

  /** Call once for every heartbeat that was answered with success, in the order of sending. */
  answered(heartbeat: Heartbeat, terms: LeaseTerms): void {
    const { sentAt, answeredAt } = heartbeat;
    assert(answeredAt >= sentAt, 'an answer follows its question');
    assert(sentAt >= (this.#unconfirmed.at(-1)?.sentAt ?? sentAt), 'heartbeats come in the order of sending');
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
