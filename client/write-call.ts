// One write under way, with one attempt at a time. After an attempt that certainly had no effect (`applied: 'no'` in the error
// table), the write is retried as the table says, under a new number. After an attempt whose outcome is unknown, the same bytes
// are sent again until there is an answer: the range knows the number and applies it once (R13). The caller gets
// OUTCOME_UNKNOWN only if time is up, or if the range has forgotten the number.

import { assert } from '../common/base/assert.ts';
import type { Bytes } from '../common/base/bytes.ts';
import { Failure } from '../common/base/errors.ts';
import { LIMITS } from '../common/model/config.ts';
import type { Descriptor, DescriptorImage } from '../common/model/descriptor.ts';
import type { NodeId, RangeId, Seq } from '../common/model/ids.ts';
import { contains } from '../common/model/key-range.ts';
import type { Channel } from '../common/net/channel.ts';
import type { PeerReplyHandler } from '../common/net/peers.ts';
import type { Mutation, ReplyBody, WriteReply } from '../common/wire/messages.ts';
import { decodeOperation } from '../common/wire/operation.ts';
import { Call, type CallContext, type CallLimits } from './call.ts';
import { conflictOf } from './conflict.ts';
import { keyText } from './key-text.ts';
import { rejection } from './rejection.ts';
import { canRepeatIn, type NumberedWrite } from './writer.ts';

/** The range of a write for which no range is known yet. */
const NO_RANGE: RangeId = 0;

export interface WriteOutcome {
  readonly reply: WriteReply;
  readonly route: DescriptorImage;
}

/** Makes the caller's answer of the outcome. */
export type WriteResult<T> = (outcome: WriteOutcome) => T;

export class WriteCall<T> extends Call implements PeerReplyHandler {
  /** At first they share bytes with the caller, who may change them once `run` has returned; `ownBytes` replaces them by then. */
  #mutations: readonly Mutation[];
  readonly #result: WriteResult<T>;
  readonly #resolve: (result: T | Promise<never>) => void;
  /** The numbered write that may be under way; null: no attempt can still take effect. */
  #write: NumberedWrite | null = null;
  /** An attempt with this number ended with an unknown outcome. */
  #inDoubt = false;
  #ownsBytes = false;
  #sentAt = 0;

  private constructor(
    context: CallContext,
    mutations: readonly Mutation[],
    limits: CallLimits,
    result: WriteResult<T>,
    resolve: (result: T | Promise<never>) => void,
  ) {
    super(context, limits);
    this.#mutations = mutations;
    this.#result = result;
    this.#resolve = resolve;
  }

  /** `mutations` is not empty. */
  static run<T>(
    context: CallContext,
    mutations: readonly Mutation[],
    limits: CallLimits,
    result: WriteResult<T>,
  ): Promise<T> {
    return new Promise((resolve) => new WriteCall(context, mutations, limits, result, resolve).attempt());
  }

  replied(reply: Exclude<ReplyBody, { kind: 'error' }>, from: Channel): void {
    const { route, context } = this;
    if (reply.kind !== 'write-reply' || route === undefined) {
      const text = `node ${from.peerNode} answered a write with ${reply.kind}`;
      this.giveUp(new Failure('OUTCOME_UNKNOWN', text));
      return;
    }
    context.health.answered(from.peerNode, context.env.now() - this.#sentAt);
    context.seen.note(route.descriptor.id, reply.revision);
    this.#endNumber();
    this.ended(true);
    this.#resolve(this.#result({ reply, route }));
  }

  failed(error: Failure): void {
    this.noteSeen(error);
    this.#ownBytes();
    if (error.code === 'CONFLICT') {
      // This was decided when the number was applied, by whichever attempt.
      this.giveUp(conflictOf(error, this.#mutations));
      return;
    }
    if (error.code === 'CLIENT_FORGOTTEN') {
      this.#forgotten(error);
    } else if (error.code === 'OUTCOME_UNKNOWN') {
      this.#inDoubt = true;
      this.learnFrom(error);
      this.retry();
    } else if (error.applied === 'unknown') {
      this.giveUp(error);
    } else {
      this.#refused(error);
    }
  }

  protected peek(): DescriptorImage | undefined {
    return this.context.directory.locate(this.#firstKey, false);
  }

  protected attempt(): void {
    const { context } = this;
    const route = context.directory.locate(this.#firstKey, true);
    this.route = route;
    if (route === undefined) {
      if (this.#write === null && !this.#number(NO_RANGE, 0)) return;
      this.#ownBytes();
      this.withoutRange();
      return;
    }
    const { descriptor } = route;
    if (this.#inDoubt && this.#write !== null && !canRepeatIn(this.#write, descriptor)) {
      this.end(new Failure('NO_OWNER', `range ${this.#write.range} no longer exists`));
      return;
    }
    if (this.#inDoubt || this.#number(descriptor.id, context.seen.of(descriptor))) this.#send(descriptor);
  }

  /** Takes a number and encodes the write with it. False: the write is too long, and the call has ended. */
  #number(range: RangeId, base: Seq): boolean {
    this.#endNumber();
    this.#write = this.context.writers.begin(this.#mutations, range, base);
    const { operation } = this.#write;
    if (operation.length <= LIMITS.operationBytesMax) return true;
    const text = `the batch has ${operation.length} bytes, at most ${LIMITS.operationBytesMax} are allowed`;
    this.giveUp(new Failure('INVALID_ARGUMENT', text));
    return false;
  }

  #send({ id: range, epoch, owner }: Descriptor): void {
    const { context } = this;
    const write = this.#write;
    assert(write !== null, 'a write is numbered before it is sent');
    this.#sentAt = context.env.now();
    const body = { kind: 'write', range, epoch, operation: write.operation } as const;
    context.peers.request(owner.node, body, this.deadline, this);
  }

  protected giveUp(error: Failure): void {
    this.#endNumber();
    this.ended(error.code === 'CONFLICT');
    this.#resolve(rejection(error));
  }

  /** Where the attempt is. If it was not sent, it is taken back: nothing was applied. */
  protected stop(): NodeId | null {
    return this.route?.descriptor.owner.node ?? null;
  }

  protected override finalError(): Failure {
    return this.#inDoubt ? this.#unknown(this.lastError) : super.finalError();
  }

  /** This attempt had no effect. */
  #refused(error: Failure): void {
    // Nor had any other, and none ever will: the owner has looked.
    if (error.code === 'WRONG_RANGE') this.#inDoubt = false;
    if (!this.#inDoubt) this.#endNumber();
    if (error.code === 'DEADLINE') {
      this.giveUp(this.finalError());
      return;
    }
    this.learnFrom(error);
    if (error.retry === 'never') this.end(error);
    else if (error.code !== 'WRONG_RANGE' || !this.#endIfParted()) this.retry();
  }

  /**
   * Ends the call if no known range holds all keys of the batch, and returns whether it has. That is asked only after an owner has refused
   * some of them: a merge may have joined ranges that this client knows as several.
   */
  #endIfParted(): boolean {
    const now = this.peek()?.descriptor;
    const outside = now === undefined ? undefined : this.#mutations.find(({ key }) => !contains(now, key));
    if (now === undefined || outside === undefined) return false;
    const first = `${keyText(this.#firstKey)} is in range ${now.id}`;
    const words = `a batch is written in one range: ${first}, ${keyText(outside.key)} is not`;
    this.end(new Failure('CROSS_RANGE', words));
    return true;
  }

  /** A first attempt is repeated at once with the newer base. After an earlier attempt the outcome stays unknown. */
  #forgotten(error: Failure): void {
    if (this.#inDoubt || this.#write === null) {
      this.end(error);
      return;
    }
    this.lastError = error;
    this.#endNumber();
    if (this.overdue) this.giveUp(this.finalError());
    else this.attempt();
  }

  /** Ends the call with this error, or with OUTCOME_UNKNOWN if an earlier attempt may have been applied. */
  protected override end(error: Failure): void {
    this.giveUp(this.#inDoubt ? this.#unknown(error) : error);
  }

  #unknown(last: Failure | null): Failure {
    const cause = this.zookeeperCause;
    const why = (cause === null ? '' : `; ${cause}`) + (last === null ? '' : `; last: ${last.message}`);
    const text = `the write was sent, and may have been applied${why}`;
    return new Failure('OUTCOME_UNKNOWN', text, {}, this.abortReason);
  }

  #ownBytes(): void {
    if (this.#ownsBytes || this.#write === null) return;
    this.#ownsBytes = true;
    this.#mutations = decodeOperation(this.#write.operation).mutations;
  }

  #endNumber(): void {
    this.#write?.writer.end(this.#write.number);
    this.#write = null;
  }

  get #firstKey(): Bytes {
    return (this.#mutations[0] as Mutation).key;
  }
}
