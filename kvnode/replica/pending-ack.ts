// R3: the acknowledgement that a follower has to send: to which owner, whether it is due, and with which rejection. Replica decides
// when one is due and makes the message.

import type { NodeId, Seq } from '../../common/model/ids.ts';
import type { Rejection } from './replica-messages.ts';

const NOTHING_SENT = -1;

export class PendingAck {
  #to: NodeId | null = null;
  #isDue = false;
  #rejection: Rejection | null = null;
  #lastAcked: Seq = NOTHING_SENT;
  #lastAt = 0;

  /** The owner that gets it; null before the first Append. */
  get to(): NodeId | null {
    return this.#to;
  }

  get isDue(): boolean {
    return this.#isDue;
  }

  get rejection(): Rejection | null {
    return this.#rejection;
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

  /** It was sent. After a rejection the owner needs the next one even if that acknowledges no more than before. */
  sent(acked: Seq, now: number): void {
    this.#lastAcked = this.#rejection === null ? acked : NOTHING_SENT;
    this.#lastAt = now;
    this.#rejection = null;
    this.#isDue = false;
  }
}
