// One write on its way. It is sent again only where the last attempt certainly had no effect (`applied: 'no'` in the
// error table) and the table says how; an unknown outcome goes to the caller as it is. One attempt at a time.

import type { Bytes } from '../base/bytes.ts';
import { RangekeeperError } from '../base/errors.ts';
import { LIMITS } from '../model/config.ts';
import type { DescriptorImage } from '../model/descriptor.ts';
import { contains } from '../model/key-range.ts';
import type { Channel } from '../net/channel.ts';
import type { PeerReplyHandler } from '../net/peers.ts';
import type { Mutation, ReplyBody, WriteReply } from '../wire/messages.ts';
import { Call, type CallContext } from './call.ts';
import type { NumberedWrite } from './writer.ts';

export interface WriteOutcome {
  readonly reply: WriteReply;
  readonly route: DescriptorImage;
}

/** What becomes of the outcome: the answer that the caller gets. */
export type WriteResult<T> = (outcome: WriteOutcome) => T;

export class WriteCall<T> extends Call implements PeerReplyHandler {
  private readonly mutations: readonly Mutation[];
  private readonly write: NumberedWrite;
  private readonly result: WriteResult<T>;
  private readonly resolve: (result: T) => void;
  private readonly reject: (error: RangekeeperError) => void;
  private sentAt = 0;

  private constructor(
    context: CallContext,
    mutations: readonly Mutation[],
    deadlineMs: number,
    result: WriteResult<T>,
    resolve: (result: T) => void,
    reject: (error: RangekeeperError) => void,
  ) {
    super(context, deadlineMs);
    this.mutations = mutations;
    this.result = result;
    this.resolve = resolve;
    this.reject = reject;
    this.route = this.peek();
    // R13: encoded once, now; what is sent again is the same bytes.
    const base = this.route === undefined ? 0 : context.seen.of(this.route.descriptor);
    this.write = context.writer.begin(mutations, base);
  }

  /** `mutations` is not empty. */
  static run<T>(
    context: CallContext,
    mutations: readonly Mutation[],
    deadlineMs: number,
    result: WriteResult<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const call = new WriteCall(context, mutations, deadlineMs, result, resolve, reject);
      if (call.write.operation.length > LIMITS.operationBytesMax) call.fail(tooLong(call.write));
      else call.attempt();
    });
  }

  replied(reply: Exclude<ReplyBody, { kind: 'error' }>, from: Channel): void {
    const { route, context } = this;
    if (reply.kind !== 'write-reply' || route === undefined) {
      this.fail(
        new RangekeeperError('OUTCOME_UNKNOWN', `node ${from.peerNode} answered a write with ${reply.kind}`),
      );
      return;
    }
    context.health.answered(from.peerNode, context.env.now() - this.sentAt);
    context.seen.note(route.descriptor.id, reply.revision);
    this.end();
    this.resolve(this.result({ reply, route }));
  }

  failed(error: RangekeeperError): void {
    if (error.code === 'DEADLINE') {
      this.giveUp(this.finalError());
      return;
    }
    this.learnFrom(error);
    if (error.applied !== 'no' || error.retry === 'never') this.fail(error);
    else this.again();
  }

  protected peek(): DescriptorImage | undefined {
    return this.context.directory.locate(this.firstKey, false);
  }

  protected attempt(): void {
    const { context, mutations } = this;
    const route = context.directory.locate(this.firstKey, true);
    this.route = route;
    if (route === undefined) {
      this.lastError = new RangekeeperError('NO_OWNER', 'no range holds the key');
      context.directory.refreshList();
      this.again();
      return;
    }
    const { descriptor } = route;
    if (mutations.length > 1 && !mutations.every(({ key }) => contains(descriptor, key))) {
      this.fail(new RangekeeperError('CROSS_RANGE', 'the keys of the batch are in several ranges'));
      return;
    }
    const { id: range, epoch, owner } = descriptor;
    this.sentAt = context.env.now();
    const body = { kind: 'write', range, epoch, operation: this.write.operation } as const;
    context.peers.request(owner.node, body, this.deadline, this);
  }

  protected giveUp(error: RangekeeperError): void {
    this.fail(error);
  }

  private fail(error: RangekeeperError): void {
    this.end();
    this.reject(error);
  }

  private end(): void {
    this.context.writer.end(this.write.number);
    this.context.end();
  }

  private get firstKey(): Bytes {
    return (this.mutations[0] as Mutation).key;
  }
}

function tooLong({ operation }: NumberedWrite): RangekeeperError {
  const text = `the batch has ${operation.length} bytes, at most ${LIMITS.operationBytesMax} are allowed`;
  return new RangekeeperError('INVALID_ARGUMENT', text);
}
