// A read that a replica may answer, asked of several nodes at once where the first is slow; the first answer counts.
//
//   fallback      the owner; once it fails or has been silent for fallbackMs, a replica too. An owner known to be down or
//                 silent is passed over at once, but probed
//   stale         the nearest replica, then the next; the owner is one of them

import type { Timer } from '../common/base/env.ts';
import { Failure } from '../common/base/errors.ts';
import { type Descriptor, type DescriptorImage, isInSync } from '../common/model/descriptor.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { Channel } from '../common/net/channel.ts';
import type { PeerReplyHandler } from '../common/net/peers.ts';
import type { ReplyBody, WireReadMode } from '../common/wire/messages.ts';
import { isFinal, noRead, ReadCall, type ReadReply, readReply } from './read-call.ts';

const NOBODY: readonly NodeId[] = [];

export class HedgedRead<T> extends ReadCall<T> {
  /** Attempts without an answer. */
  private outstanding: Attempt[] = [];
  /** Replicas asked in this round. */
  private asked: readonly NodeId[] = NOBODY;
  private hedgeTimer: Timer | null = null;

  /** A round: the first node to ask, by mode. */
  protected attempt(): void {
    this.asked = NOBODY;
    const route = this.routeNow();
    if (route === undefined) return;
    if (this.task.mode === 'fallback') this.askOwnerOrReplica(route);
    else this.askReplica(route);
    this.armHedge();
  }

  protected override unreached(last: Failure): Failure {
    if (last.code === 'OUTCOME_UNKNOWN' || last.code === 'DEADLINE') return super.unreached(last);
    return new Failure('UNREACHABLE', `no replica answered in time; last: ${last.message}`);
  }

  protected override finish(answered: boolean): boolean {
    const ended = super.finish(answered);
    if (ended) this.hedgeTimer?.cancel();
    return ended;
  }

  // ---- asking ----------------------------------------------------------------------------------------------------

  private askOwnerOrReplica(route: DescriptorImage): void {
    const { health, peers } = this.context;
    const owner = route.descriptor.owner.node;
    if (!peers.isDown(owner) && !health.isSilent(owner)) {
      this.askOwner(route);
      return;
    }
    if (!this.askReplica(route) || health.takeProbe(owner)) this.askOwner(route);
  }

  private askOwner(route: DescriptorImage): void {
    this.ask(route, route.descriptor.owner.node, 'linearizable');
  }

  /** Asks the best replica not asked yet; false where there is none left. */
  private askReplica(route: DescriptorImage): boolean {
    const node = this.nearest(route.descriptor);
    if (node === null) return false;
    this.asked = [...this.asked, node];
    this.ask(route, node, 'stale');
    return true;
  }

  private ask({ descriptor }: DescriptorImage, node: NodeId, mode: WireReadMode): void {
    const { context, task } = this;
    const attempt = new Attempt(this, descriptor, node, context.env.now());
    this.outstanding.push(attempt);
    const body = task.body(descriptor, mode, mode === 'stale' ? context.seen.of(descriptor) : 0);
    context.peers.request(node, body, this.deadline, attempt);
  }

  /** In-sync before learning, up before down, answering before silent, then near before far; a draw is drawn. */
  private nearest(descriptor: Descriptor): NodeId | null {
    const { health, peers, env } = this.context;
    let best: NodeId | null = null;
    let bestCost = Number.POSITIVE_INFINITY;
    for (const { node } of descriptor.replicas) {
      if (this.asked.includes(node)) continue;
      const ownerLast = this.task.mode === 'fallback' && node === descriptor.owner.node;
      const doubts =
        (ownerLast ? 8 : 0) +
        (isInSync(descriptor, node) ? 0 : 4) +
        (peers.isDown(node) ? 2 : 0) +
        (health.isSilent(node) ? 1 : 0);
      const cost = doubts * 1_000_000 + health.distance(node) + env.random();
      if (cost < bestCost) {
        best = node;
        bestCost = cost;
      }
    }
    return best;
  }

  // ---- hedging ---------------------------------------------------------------------------------------------------

  private armHedge(): void {
    this.hedgeTimer?.cancel();
    this.hedgeTimer = this.context.env.after(this.task.fallbackMs, () => this.hedge());
  }

  /** Nobody has answered for fallbackMs: whom we wait for counts as silent, and one more is asked. */
  private hedge(): void {
    this.hedgeTimer = null;
    if (this.outstanding.length === 0 || this.route === undefined) return;
    for (const attempt of this.outstanding) {
      if (this.isLate(attempt)) this.context.health.wentSilent(attempt.node);
    }
    if (this.askReplica(this.route)) this.armHedge();
  }

  // ---- answers ---------------------------------------------------------------------------------------------------

  attemptAnswered({ descriptor, node, sentAt }: Attempt, reply: ReadReply, at: number): void {
    this.answered(reply, descriptor, node, at - sentAt);
  }

  attemptFailed(attempt: Attempt, error: Failure): void {
    this.outstanding = this.outstanding.filter((other) => other !== attempt);
    if (this.done) return;
    this.learnFrom(error);
    if (isFinal(error)) {
      this.giveUp(error);
      return;
    }
    if (this.overdue) {
      if (this.outstanding.length === 0) this.giveUp(this.finalError());
      return;
    }
    const { route } = this;
    if (route !== undefined && !this.routeChanged && this.askReplica(route)) return;
    if (this.outstanding.every((other) => this.isLate(other))) this.again();
  }

  private isLate({ sentAt }: Attempt): boolean {
    return this.context.env.now() - sentAt >= this.task.fallbackMs;
  }
}

interface AttemptOwner {
  attemptAnswered(attempt: Attempt, reply: ReadReply, at: number): void;
  attemptFailed(attempt: Attempt, error: Failure): void;
}

/** One request of a call. */
class Attempt implements PeerReplyHandler {
  readonly descriptor: Descriptor;
  readonly node: NodeId;
  readonly sentAt: number;
  private readonly call: AttemptOwner;

  constructor(call: AttemptOwner, descriptor: Descriptor, node: NodeId, sentAt: number) {
    this.call = call;
    this.descriptor = descriptor;
    this.node = node;
    this.sentAt = sentAt;
  }

  replied(body: ReplyBody, from: Channel): void {
    const reply = readReply(body);
    if (reply === null) this.failed(noRead(this.node, body));
    else this.call.attemptAnswered(this, reply, from.receivedAt);
  }

  failed(error: Failure): void {
    this.call.attemptFailed(this, error);
  }
}
