// What reads and writes have in common: a deadline, a route that may be out of date, and attempts with growing pauses between them.
// A pause ends early if the directory learns another owner, or another range, for the call.

import { backoffMs, jittered } from '../common/base/backoff.ts';
import type { Env, Timer } from '../common/base/env.ts';
import { Failure } from '../common/base/errors.ts';
import type { Descriptor, DescriptorImage } from '../common/model/descriptor.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { Peers } from '../common/net/peers.ts';
import { ABORTED, type Abortable, type Aborts, throwIfAborted } from './aborts.ts';
import type { Directory } from './directory.ts';
import type { NodeHealth } from './health.ts';
import type { Seen } from './seen.ts';
import type { Writers } from './writer.ts';

const PAUSES = { minMs: 10, maxMs: 250 };
/** The maximum number of attempts of one call that follow without a pause because its route has changed: nodes may contradict each other. */
const REDIRECTS_MAX = 16;

/** What the calls of one client share. */
export interface CallContext {
  readonly env: Env;
  readonly directory: Directory;
  readonly peers: Peers;
  readonly health: NodeHealth;
  readonly seen: Seen;
  readonly writers: Writers;
  readonly aborts: Aborts;
  /** Calls that pause between two attempts. */
  readonly pausing: Set<Call>;
  readonly closed: boolean;
  /** For how long ZooKeeper has been known not to answer this process, ms; null: it answers. */
  zookeeperSilentMs(): number | null;
  /** Counts a call. Throws CLOSED. */
  begin(): void;
  /** A call has ended. @param answered whether the cluster answered it */
  end(answered: boolean): void;
}

/** When a call ends without an answer. */
export interface CallLimits {
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

export abstract class Call implements Abortable {
  protected readonly context: CallContext;
  /** Instants of Env.now(). */
  protected readonly startedAt: number;
  protected readonly deadline: number;
  /** The descriptor by which the last attempt was sent. */
  protected route: DescriptorImage | undefined;
  protected lastError: Failure | null = null;
  #pauses = 0;
  #redirects = 0;
  #pauseTimer: Timer | null = null;
  readonly #signal: AbortSignal | undefined;
  #aborted = false;

  constructor(context: CallContext, { deadlineMs, signal }: CallLimits) {
    throwIfAborted(signal);
    context.begin();
    this.context = context;
    this.#signal = signal;
    if (signal !== undefined) context.aborts.add(signal, this);
    this.startedAt = context.env.now();
    this.deadline = this.startedAt + deadlineMs;
  }

  /** The range that the call would use now. Does not count as use of the range. */
  protected abstract peek(): DescriptorImage | undefined;
  protected abstract attempt(now: number): void;
  /** Ends the call with an error: time is up, it was aborted, the client is closing, or no retry helps. */
  protected abstract giveUp(error: Failure): void;
  /** Ends the call with an error that says what the cluster is like, not what became of an earlier attempt. */
  protected end(error: Failure): void {
    this.giveUp(error);
  }

  /** The call was aborted, and does not pause. As `abort` of Abortable. */
  protected abstract stop(): NodeId | null;

  /** To be called once, when the call ends. @param answered whether the cluster answered it */
  protected ended(answered: boolean): void {
    this.context.end(answered);
    if (this.#signal !== undefined) this.context.aborts.delete(this.#signal, this);
  }

  abort(): NodeId | null {
    this.#aborted = true;
    if (!this.context.pausing.has(this)) return this.stop();
    this.resume();
    return null;
  }

  /** The reason why the call was aborted; undefined: it was not. */
  protected get abortReason(): unknown {
    return this.#aborted ? this.#signal?.reason : undefined;
  }

  /** Some errors carry a seq of the range, which the client has seen thereby, as with an answer. */
  protected noteSeen({ details: { seq } }: Failure): void {
    if (seq !== undefined && this.route !== undefined) this.context.seen.note(this.route.descriptor.id, seq);
  }

  /** Learns the descriptor that the error carries. Reads it from ZooKeeper, too, if the route may be wrong. */
  protected learnFrom(error: Failure): void {
    this.lastError = error;
    this.noteSeen(error);
    const { directory } = this.context;
    if (error.details.descriptor !== undefined) directory.learnHint(error.details.descriptor);
    const inDoubt = error.retry !== 'backoff' && error.code !== 'BEHIND';
    if (inDoubt && this.route !== undefined) directory.refresh(this.route.descriptor.id);
  }

  /** Whether the directory now has another owner, or another range, than the one the last attempt was sent to. */
  protected get routeChanged(): boolean {
    const [now, then] = [this.peek()?.descriptor, this.route?.descriptor];
    return now?.id !== then?.id || now?.epoch !== then?.epoch || now?.owner.node !== then?.owner.node;
  }

  /** Whether the last attempt went to an earlier owner of the keys that this range holds now: of the range, or of one that it replaced. */
  wasSentBefore({ id, epoch }: Descriptor): boolean {
    const sent = this.route?.descriptor;
    return sent !== undefined && sent.epoch < epoch && this.peek()?.descriptor.id === id;
  }

  protected get overdue(): boolean {
    return this.#aborted || this.context.closed || this.context.env.now() >= this.deadline;
  }

  /** No known range holds the key. Tries again when one is known, or gives up if the namespace was dropped. */
  protected withoutRange(): void {
    const { directory } = this.context;
    if (directory.isDropped) {
      this.end(new Failure('UNKNOWN_NAMESPACE', `namespace ${directory.namespace} was dropped`));
      return;
    }
    this.lastError = new Failure('NO_OWNER', 'no range holds the key');
    directory.refreshList();
    this.retry();
  }

  /** Tries again: at once if the route has changed, though only the first few times; else after a pause. */
  protected retry(): void {
    if (this.context.pausing.has(this)) return;
    if (this.overdue) this.giveUp(this.finalError());
    else if (this.#redirects < REDIRECTS_MAX && this.routeChanged) {
      this.#redirects++;
      this.attempt(this.context.env.now());
    } else this.#pause();
  }

  /**
   * The next attempt gets at least as long for its answer as this pause takes. With less time it would often not be answered, and it would be
   * chance whether the call ends with its cause or with an unknown outcome.
   */
  #pause(): void {
    const { env, pausing } = this.context;
    const leftMs = this.deadline - env.now();
    const pauseMs = jittered(backoffMs(PAUSES, this.#pauses++), env);
    const ms = 2 * pauseMs > leftMs ? leftMs : pauseMs;
    this.#pauseTimer = env.after(ms, () => this.resume());
    pausing.add(this);
  }

  /** The directory has changed while the call pauses. */
  routesChanged(): void {
    if (this.routeChanged) this.resume();
  }

  /** Ends the pause and tries again. */
  resume(): void {
    this.#pauseTimer?.cancel();
    this.#pauseTimer = null;
    if (!this.context.pausing.delete(this)) return;
    if (this.overdue) this.giveUp(this.finalError());
    else this.attempt(this.context.env.now());
  }

  /** The error of a call whose time is up, that was aborted, or whose client is closing, and that waits for no answer. */
  protected finalError(): Failure {
    const { lastError } = this;
    if (this.#aborted) return new Failure('ABORTED', ABORTED, {}, this.abortReason);
    if (this.context.closed) return new Failure('CLOSED', 'the client is closed');
    if (lastError === null)
      return (
        this.#zookeeperFailure(null) ??
        new Failure('DEADLINE', 'the deadline passed before anything was sent')
      );
    if (lastError.code === 'NOT_READY') return this.#zookeeperFailure(lastError) ?? lastError;
    return lastError.retry === 'backoff' ? lastError : this.unreached(lastError);
  }

  /** The part of `finalError` for a call that reached no node that could serve it. */
  protected unreached(last: Failure): Failure {
    const failure = this.#zookeeperFailure(last);
    return (
      failure ??
      new Failure('NO_OWNER', `no owner of ${this.#range} was found in time; last: ${last.message}`)
    );
  }

  /**
   * While ZooKeeper does not answer, owners lose their leases and nobody learns of other owners. So it is the cause that no
   * owner served the call, whatever the last attempt met. Null: it answers.
   */
  #zookeeperFailure(last: Failure | null): Failure | null {
    const cause = this.zookeeperCause;
    if (cause === null) return null;
    const text = `no owner of ${this.#range} served in time, because ${cause}`;
    return new Failure('NO_CLUSTER', last === null ? text : `${text}; last: ${last.message}`);
  }

  /** In words; null: ZooKeeper answers this process. */
  protected get zookeeperCause(): string | null {
    const ms = this.context.zookeeperSilentMs();
    return ms === null ? null : `ZooKeeper has not answered for ${(ms / 1_000).toFixed(1)} s`;
  }

  get #range(): string {
    return this.route === undefined ? 'the key' : `range ${this.route.descriptor.id}`;
  }
}
