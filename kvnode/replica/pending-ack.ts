// R3: the acknowledgement that a follower has to send: to which owner, whether it is due, and what it says. Replica decides when one is
// due.

import type { Inc, NodeId, Seq } from '../../common/model/ids.ts';
import type { EpochFence } from './epoch-fence.ts';
import type { LogState } from './log-state.ts';
import type { AckMessage, Outgoing, Rejection } from './replica-messages.ts';
import type { Staleness } from './staleness.ts';

const NOTHING_SENT = -1;

/** What an acknowledgement says is read from these. */
export interface AckParts {
  readonly inc: Inc;
  readonly state: LogState;
  readonly staleness: Staleness;
  readonly fence: EpochFence;
  readonly isHealthy: () => boolean;
}

export class PendingAck {
  readonly #parts: AckParts;
  #to: NodeId | null = null;
  #isDue = false;
  #rejection: Rejection | null = null;
  #lastAcked: Seq = NOTHING_SENT;
  #lastAt = 0;

  constructor(parts: AckParts) {
    this.#parts = parts;
  }

  get isDue(): boolean {
    return this.#isDue;
  }

  /** The replica became owner itself. */
  clear(): void {
    this.#to = null;
    this.#isDue = false;
  }

  /** There is a new connection to the node. The last acknowledgement may be lost, so it counts as not sent. */
  connected(node: NodeId, now: number): void {
    if (node !== this.#to) return;
    this.#lastAcked = NOTHING_SENT;
    this.#lastAt = now;
  }

  /** An Append came from `owner`. A rejection is due at once. */
  received(owner: NodeId, rejection: Rejection | null): void {
    this.#to = owner;
    this.#rejection = rejection;
    if (rejection !== null) this.#isDue = true;
  }

  /** The next acknowledgement goes to this owner. */
  setOwner(owner: NodeId): void {
    this.#to = owner;
  }

  makeDue(): void {
    this.#isDue = true;
  }

  /** Something was synced that the owner may wait for. */
  synced(): void {
    this.#isDue ||= this.#to !== null;
  }

  /** Makes it due if it would acknowledge another seq than the last one, or if the last one is older than `repeatMs`. */
  refresh(acked: Seq, now: number, repeatMs: number): void {
    if (acked !== this.#lastAcked || now - this.#lastAt >= repeatMs) this.#isDue = true;
  }

  /** The message that the replica would send now. */
  message(rejection: Rejection | null, now: number): AckMessage {
    const { inc, state, staleness, fence, isHealthy } = this.#parts;
    return {
      kind: 'append-ack',
      inc,
      epoch: state.epochSeen,
      acked: state.ackedSeq,
      rejection,
      stamp: staleness.stampAt(now),
      unhealthy: !isHealthy(),
      contradiction: fence.conflict?.seq ?? null,
    };
  }

  /**
   * The acknowledgement that is due; null: none is. Nothing is acknowledged under an epoch that is not on disk. Once it is, `synced`
   * makes it due again.
   */
  take(now: number): Outgoing | null {
    if (!this.#isDue || this.#to === null || !this.#parts.state.epochSeenDurable) return null;
    const message = this.message(this.#rejection, now);
    this.#sent(message.acked, now);
    return { to: this.#to, message };
  }

  /** After a rejection the owner needs the next one even if that acknowledges no more than before. */
  #sent(acked: Seq, now: number): void {
    this.#lastAcked = this.#rejection === null ? acked : NOTHING_SENT;
    this.#lastAt = now;
    this.#rejection = null;
    this.#isDue = false;
  }
}
