// A read that a replica may answer. If a node does not answer for fallbackMs, another one is asked as well; the first answer
// counts.
//
//   fallback      asks the owner, and a replica if the owner fails or does not answer. An owner that is known to be down or
//                 unresponsive is skipped, except for a probe now and then
//   stale         asks the nearest replica, then the next. The owner is one of them

import type { Timer } from '../common/base/env.ts';
import { Failure } from '../common/base/errors.ts';
import { type Descriptor, type DescriptorImage, isInSync } from '../common/model/descriptor.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { Channel } from '../common/net/channel.ts';
import type { PeerReplyHandler } from '../common/net/peers.ts';
import type { ReplyBody, WireReadMode } from '../common/wire/messages.ts';
import { isFinal, isUnanswered, notARead, ReadCall, type ReadReply, readReply } from './read-call.ts';

const NOBODY: readonly NodeId[] = [];

export class HedgedRead<T> extends ReadCall<T> {
  /** Requests that were sent and not answered. */
  #outstanding: Attempt[] = [];
  /** Replicas that were asked in this round. */
  #asked: readonly NodeId[] = NOBODY;
  #hedgeTimer: Timer | null = null;

  /** Starts a round: asks the first node, as the mode says. */
  protected attempt(): void {
    this.#asked = NOBODY;
    const route = this.routeNow();
    if (route === undefined) return;
    if (this.task.mode === 'fallback') this.#askOwnerOrReplica(route);
    else this.#askReplica(route);
    this.#armHedge();
  }

  protected override unreached(last: Failure): Failure {
    if (isUnanswered(last)) return this.unanswered(last);
    return new Failure('UNREACHABLE', `no replica answered in time; last: ${last.message}`);
  }

  protected override finish(answered: boolean): boolean {
    const ended = super.finish(answered);
    if (ended) this.#hedgeTimer?.cancel();
    return ended;
  }

  // ---- asking ----------------------------------------------------------------------------------------------------

  #askOwnerOrReplica(route: DescriptorImage): void {
    const { health, peers } = this.context;
    const owner = route.descriptor.owner.node;
    if (!peers.isDown(owner) && !health.isUnresponsive(owner)) {
      this.#askOwner(route);
      return;
    }
    if (!this.#askReplica(route) || health.takeProbe(owner)) this.#askOwner(route);
  }

  #askOwner(route: DescriptorImage): void {
    this.#ask(route, route.descriptor.owner.node, 'linearizable');
  }

  /** Asks the best replica that was not asked yet. False if there is none left. */
  #askReplica(route: DescriptorImage): boolean {
    const node = this.#nearest(route.descriptor);
    if (node === null) return false;
    this.#asked = [...this.#asked, node];
    this.#ask(route, node, 'stale');
    return true;
  }

  #ask({ descriptor }: DescriptorImage, node: NodeId, mode: WireReadMode): void {
    const { context, task } = this;
    const attempt = new Attempt(this, descriptor, node, context.env.now());
    this.#outstanding.push(attempt);
    const body = task.body(descriptor, mode, mode === 'stale' ? context.seen.of(descriptor) : 0);
    context.peers.request(node, body, this.deadline, attempt);
  }

  /**
   * Prefers in-sync replicas, then connected ones, then responsive ones, then the nearest. A fallback read asks the owner last. A
   * random number breaks ties.
   */
  #nearest(descriptor: Descriptor): NodeId | null {
    const { health, peers, env } = this.context;
    let best: NodeId | null = null;
    let bestCost = Number.POSITIVE_INFINITY;
    for (const { node } of descriptor.replicas) {
      if (this.#asked.includes(node)) continue;
      const ownerLast = this.task.mode === 'fallback' && node === descriptor.owner.node;
      const penalty =
        (ownerLast ? 8 : 0) +
        (isInSync(descriptor, node) ? 0 : 4) +
        (peers.isDown(node) ? 2 : 0) +
        (health.isUnresponsive(node) ? 1 : 0);
      const cost = penalty * 1_000_000 + health.distance(node) + env.random();
      if (cost < bestCost) {
        best = node;
        bestCost = cost;
      }
    }
    return best;
  }

  // ---- hedging ---------------------------------------------------------------------------------------------------

  #armHedge(): void {
    this.#hedgeTimer?.cancel();
    this.#hedgeTimer = this.context.env.after(this.task.fallbackMs, () => this.#hedge());
  }

  /** No answer came for fallbackMs. The nodes that are late count as unresponsive, and one more is asked. */
  #hedge(): void {
    this.#hedgeTimer = null;
    if (this.#outstanding.length === 0 || this.route === undefined) return;
    for (const attempt of this.#outstanding) {
      if (this.#isLate(attempt)) this.context.health.markUnresponsive(attempt.node);
    }
    if (this.#askReplica(this.route)) this.#armHedge();
  }

  // ---- answers ---------------------------------------------------------------------------------------------------

  attemptAnswered({ descriptor, node, sentAt }: Attempt, reply: ReadReply, at: number): void {
    this.answered(reply, descriptor, node, at - sentAt);
  }

  attemptFailed(attempt: Attempt, error: Failure): void {
    this.#outstanding = this.#outstanding.filter((other) => other !== attempt);
    if (this.done) return;
    this.learnFrom(error);
    if (isFinal(error)) {
      this.giveUp(error);
      return;
    }
    if (this.overdue) {
      if (this.#outstanding.length === 0) this.giveUp(this.finalError());
      return;
    }
    const { route } = this;
    if (route !== undefined && !this.routeChanged && this.#askReplica(route)) return;
    if (this.#outstanding.every((other) => this.#isLate(other))) this.retry();
  }

  #isLate({ sentAt }: Attempt): boolean {
    return this.context.env.now() - sentAt >= this.task.fallbackMs;
  }
}

interface AttemptOwner {
  attemptAnswered(attempt: Attempt, reply: ReadReply, at: number): void;
  attemptFailed(attempt: Attempt, error: Failure): void;
}

/** One request of a call, to one node. */
class Attempt implements PeerReplyHandler {
  readonly descriptor: Descriptor;
  readonly node: NodeId;
  readonly sentAt: number;
  readonly #call: AttemptOwner;

  constructor(call: AttemptOwner, descriptor: Descriptor, node: NodeId, sentAt: number) {
    this.#call = call;
    this.descriptor = descriptor;
    this.node = node;
    this.sentAt = sentAt;
  }

  replied(body: ReplyBody, from: Channel): void {
    const reply = readReply(body);
    if (reply === null) this.failed(notARead(this.node, body));
    else this.#call.attemptAnswered(this, reply, from.receivedAt);
  }

  failed(error: Failure): void {
    this.#call.attemptFailed(this, error);
  }
}
