// What reads and writes have in common: a deadline, a route that may be old, attempts with growing pauses between them.
// A pause ends early when the picture of the ranges changes in a way that matters to the call.

import { backoffMs, jittered } from '../common/base/backoff.ts';
import type { Env, Timer } from '../common/base/env.ts';
import { Failure } from '../common/base/errors.ts';
import type { Descriptor, DescriptorImage } from '../common/model/descriptor.ts';
import type { Peers } from '../common/net/peers.ts';
import type { Directory } from './directory.ts';
import type { NodeHealth } from './health.ts';
import type { Seen } from './seen.ts';
import type { Writers } from './writer.ts';

const PAUSES = { minMs: 10, maxMs: 250 };

/** What every call of one client works with. */
export interface CallContext {
  readonly env: Env;
  readonly directory: Directory;
  readonly peers: Peers;
  readonly health: NodeHealth;
  readonly seen: Seen;
  readonly writers: Writers;
  /** Calls that pause between attempts. */
  readonly pausing: Set<Call>;
  readonly closed: boolean;
  /** Counts a call; throws CLOSED. */
  begin(): void;
  /** `answered`: the cluster has done what it could. */
  end(answered: boolean): void;
}

export abstract class Call {
  protected readonly context: CallContext;
  /** Instants of Env.now(). */
  protected readonly startedAt: number;
  protected readonly deadline: number;
  /** The picture that the last attempt went by. */
  protected route: DescriptorImage | undefined;
  protected lastError: Failure | null = null;
  private pauses = 0;
  private pauseTimer: Timer | null = null;

  constructor(context: CallContext, deadlineMs: number) {
    context.begin();
    this.context = context;
    this.startedAt = context.env.now();
    this.deadline = this.startedAt + deadlineMs;
  }

  /** Where the call goes by the picture now, without counting as use. */
  protected abstract peek(): DescriptorImage | undefined;
  protected abstract attempt(now: number): void;
  /** No time is left, or the client is closing: the call ends. */
  protected abstract giveUp(error: Failure): void;

  /** An error shows something of the range as an answer does. */
  protected noteSeen({ details: { seq } }: Failure): void {
    if (seq !== undefined && this.route !== undefined) this.context.seen.note(this.route.descriptor.id, seq);
  }

  /** Learns what the error tells and asks ZooKeeper too where the route is in doubt. */
  protected learnFrom(error: Failure): void {
    this.lastError = error;
    this.noteSeen(error);
    const { directory } = this.context;
    if (error.details.descriptor !== undefined) directory.learnHint(error.details.descriptor);
    const inDoubt = error.retry !== 'backoff' && error.code !== 'BEHIND';
    if (inDoubt && this.route !== undefined) directory.refresh(this.route.descriptor.id);
  }

  /** The picture knows another owner, or another range, than the last attempt went by. */
  protected get routeChanged(): boolean {
    const [now, then] = [this.peek()?.descriptor, this.route?.descriptor];
    return now?.id !== then?.id || now?.epoch !== then?.epoch || now?.owner.node !== then?.owner.node;
  }

  /** Whether the last attempt went to an earlier owner of this range. */
  wasSentBefore({ id, epoch }: Descriptor): boolean {
    const sent = this.route?.descriptor;
    return sent?.id === id && sent.epoch < epoch;
  }

  protected get overdue(): boolean {
    return this.context.closed || this.context.env.now() >= this.deadline;
  }

  /** Tries again: at once where the route has changed, for the first few times; else after a pause. */
  protected again(): void {
    if (this.context.pausing.has(this)) return;
    if (this.overdue) this.giveUp(this.finalError());
    else if (this.pauses < 3 && this.routeChanged) {
      this.pauses++;
      this.attempt(this.context.env.now());
    } else this.pause();
  }

  private pause(): void {
    const { env, pausing } = this.context;
    const ms = Math.min(jittered(backoffMs(PAUSES, this.pauses++), env), this.deadline - env.now());
    this.pauseTimer = env.after(ms, () => this.resume());
    pausing.add(this);
  }

  /** The picture has changed while the call pauses. */
  routesChanged(): void {
    if (this.routeChanged) this.resume();
  }

  /** Ends the pause. */
  resume(): void {
    this.pauseTimer?.cancel();
    this.pauseTimer = null;
    if (!this.context.pausing.delete(this)) return;
    if (this.overdue) this.giveUp(this.finalError());
    else this.attempt(this.context.env.now());
  }

  /** What is said of a call that ran out of time with nothing under way. */
  protected finalError(): Failure {
    const { lastError } = this;
    if (this.context.closed) return new Failure('CLOSED', 'the client is closed');
    if (lastError === null) return new Failure('DEADLINE', 'the deadline passed before anything was sent');
    return lastError.retry === 'backoff' ? lastError : this.unreached(lastError);
  }

  /** As `finalError`, where no node that could serve the call was reached. */
  protected unreached(last: Failure): Failure {
    const range = this.route === undefined ? 'the key' : `range ${this.route.descriptor.id}`;
    return new Failure('NO_OWNER', `no owner of ${range} was found in time; last: ${last.message}`);
  }
}
