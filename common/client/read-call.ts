// One read on its way, in one of three modes. Reads change nothing, so they are asked again whatever became of the last
// attempt, and of several places at once: the first answer counts.
//
//   linearizable  the owner, and nobody else
//   fallback      the owner; once it fails or has been silent for fallbackMs, a replica too. An owner known to be down or
//                 silent is passed over at once, but probed
//   stale         the nearest replica, then the next; the owner is one of them

import type { Timer } from '../base/env.ts';
import { RangekeeperError } from '../base/errors.ts';
import { type Descriptor, type DescriptorImage, isInSync } from '../model/descriptor.ts';
import type { NodeId } from '../model/ids.ts';
import type { Channel } from '../net/channel.ts';
import type { PeerReplyHandler } from '../net/peers.ts';
import type { GetReply, ReplyBody, RequestBody, ScanReply, WireReadMode } from '../wire/messages.ts';
import type { Freshness, ReadMode } from './api.ts';
import { Call, type CallContext } from './call.ts';
import type { Directory } from './directory.ts';

export type ReadReply = GetReply | ScanReply;

/** What is read, how, and what becomes of the answer. */
export interface ReadTask<T> {
  readonly mode: ReadMode;
  readonly deadlineMs: number;
  readonly fallbackMs: number;
  /** The range to ask; `use`: it is asked now. */
  route(directory: Directory, use: boolean): DescriptorImage | undefined;
  body(descriptor: Descriptor, mode: WireReadMode, minSeq: number): RequestBody;
  /** The answer that the caller gets; what it throws the call rejects with. Byte fields of the reply are views: what is kept is copied. */
  result(outcome: ReadOutcome): T;
}

export interface ReadOutcome {
  readonly reply: ReadReply;
  readonly route: DescriptorImage;
  readonly node: NodeId;
  readonly freshness: Freshness;
}

const NOBODY: readonly NodeId[] = [];

export class ReadCall<T> extends Call {
  private readonly task: ReadTask<T>;
  private readonly resolve: (result: T) => void;
  private readonly reject: (error: unknown) => void;
  /** Attempts without an answer. */
  private outstanding: Attempt[] = [];
  /** Asked in this round, in mode stale. */
  private asked: readonly NodeId[] = NOBODY;
  private hedgeTimer: Timer | null = null;
  private done = false;

  private constructor(
    context: CallContext,
    task: ReadTask<T>,
    resolve: (result: T) => void,
    reject: (error: unknown) => void,
  ) {
    super(context, task.deadlineMs);
    this.task = task;
    this.resolve = resolve;
    this.reject = reject;
  }

  static run<T>(context: CallContext, task: ReadTask<T>): Promise<T> {
    return new Promise((resolve, reject) => new ReadCall(context, task, resolve, reject).attempt());
  }

  protected peek(): DescriptorImage | undefined {
    return this.task.route(this.context.directory, false);
  }

  /** A round: the first node to ask, by mode. */
  protected attempt(): void {
    const { context, task } = this;
    this.route = task.route(context.directory, true);
    this.asked = NOBODY;
    if (this.route === undefined) {
      this.lastError = new RangekeeperError('NO_OWNER', 'no range holds the key');
      context.directory.refreshList();
      this.again();
      return;
    }
    switch (task.mode) {
      case 'linearizable':
        this.askOwner(this.route);
        return;
      case 'fallback':
        this.askOwnerOrReplica(this.route);
        break;
      case 'stale':
        this.askReplica(this.route);
        break;
    }
    this.armHedge();
  }

  protected giveUp(error: RangekeeperError): void {
    if (this.finish()) this.reject(error);
  }

  protected override unreached(last: RangekeeperError): RangekeeperError {
    if (last.code === 'OUTCOME_UNKNOWN' || last.code === 'DEADLINE')
      return new RangekeeperError('DEADLINE', `no answer in time; last: ${last.message}`);
    if (this.task.mode === 'linearizable') return super.unreached(last);
    return new RangekeeperError('UNREACHABLE', `no replica answered in time; last: ${last.message}`);
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

  private ask(route: DescriptorImage, node: NodeId, mode: WireReadMode): void {
    const { context, task } = this;
    const attempt = new Attempt(this, route, node, mode, context.env.now());
    this.outstanding.push(attempt);
    const body = task.body(route.descriptor, mode, mode === 'stale' ? context.seen.of(route.descriptor) : 0);
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

  answered(attempt: Attempt, reply: ReadReply): void {
    const { context } = this;
    const roundTripMs = context.env.now() - attempt.sentAt;
    context.health.answered(attempt.node, roundTripMs);
    context.seen.note(attempt.route.descriptor.id, reply.appliedSeq);
    if (!this.finish()) return;
    // R11: how far it may be behind when it is here.
    const staleMs = reply.staleMs === null ? null : reply.staleMs + roundTripMs;
    const freshness = reply.stale ? { stale: true, staleMs } : { stale: false, staleMs: 0 };
    try {
      this.resolve(this.task.result({ reply, route: attempt.route, node: attempt.node, freshness }));
    } catch (error) {
      // An answer that makes no sense is the call's failure, not this process's.
      this.reject(error);
    }
  }

  attemptFailed(attempt: Attempt, error: RangekeeperError): void {
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
    const { task, route } = this;
    const mayAskReplica = task.mode !== 'linearizable' && route !== undefined && !this.routeChanged;
    if (mayAskReplica && this.askReplica(route)) return;
    if (this.outstanding.every((other) => this.isLate(other))) this.again();
  }

  private isLate({ sentAt }: Attempt): boolean {
    return this.task.mode !== 'linearizable' && this.context.env.now() - sentAt >= this.task.fallbackMs;
  }

  /** False where the call has ended before. */
  private finish(): boolean {
    if (this.done) return false;
    this.done = true;
    this.context.end();
    this.hedgeTimer?.cancel();
    return true;
  }
}

/** Another node, or another try, would say the same. */
function isFinal({ retry, code }: RangekeeperError): boolean {
  return retry === 'never' && code !== 'OUTCOME_UNKNOWN' && code !== 'DEADLINE' && code !== 'NO_OWNER';
}

interface AttemptOwner {
  answered(attempt: Attempt, reply: ReadReply): void;
  attemptFailed(attempt: Attempt, error: RangekeeperError): void;
}

/** One request of a call. */
class Attempt implements PeerReplyHandler {
  readonly route: DescriptorImage;
  readonly node: NodeId;
  readonly mode: WireReadMode;
  readonly sentAt: number;
  private readonly call: AttemptOwner;

  constructor(call: AttemptOwner, route: DescriptorImage, node: NodeId, mode: WireReadMode, sentAt: number) {
    this.call = call;
    this.route = route;
    this.node = node;
    this.mode = mode;
    this.sentAt = sentAt;
  }

  replied(body: Exclude<ReplyBody, { kind: 'error' }>, _from: Channel): void {
    if (body.kind === 'get-reply' || body.kind === 'scan-reply') this.call.answered(this, body);
    else
      this.failed(new RangekeeperError('MALFORMED', `node ${this.node} answered a read with ${body.kind}`));
  }

  failed(error: RangekeeperError): void {
    this.call.attemptFailed(this, error);
  }
}
