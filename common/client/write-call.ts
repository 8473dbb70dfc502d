// One write on its way. It is sent again only where the last attempt certainly had no effect (`applied: 'no'` in the
// error table) and the table says how; an unknown outcome goes to the caller as it is. One attempt at a time.

import type { Bytes } from '../base/bytes.ts';
import { RangekeeperError } from '../base/errors.ts';
import type { DescriptorImage } from '../model/descriptor.ts';
import { contains } from '../model/key-range.ts';
import type { Channel } from '../net/channel.ts';
import type { PeerReplyHandler } from '../net/peers.ts';
import type { ReplyBody, WriteReply } from '../wire/messages.ts';
import { Call, type CallContext } from './call.ts';

export interface WriteOutcome {
  readonly reply: WriteReply;
  readonly route: DescriptorImage;
}

export interface WriteTask {
  /** Every key touched; not empty. */
  readonly keys: readonly Bytes[];
  /** The encoded Operation. */
  readonly operation: Bytes;
  readonly deadlineMs: number;
}

export class WriteCall extends Call implements PeerReplyHandler {
  private readonly task: WriteTask;
  private readonly resolve: (outcome: WriteOutcome) => void;
  private readonly reject: (error: RangekeeperError) => void;
  private sentAt = 0;

  private constructor(
    context: CallContext,
    task: WriteTask,
    resolve: (outcome: WriteOutcome) => void,
    reject: (error: RangekeeperError) => void,
  ) {
    super(context, task.deadlineMs);
    this.task = task;
    this.resolve = resolve;
    this.reject = reject;
  }

  static run(context: CallContext, task: WriteTask): Promise<WriteOutcome> {
    return new Promise((resolve, reject) => new WriteCall(context, task, resolve, reject).attempt());
  }

  replied(reply: Exclude<ReplyBody, { kind: 'error' }>, from: Channel): void {
    const { route, context } = this;
    if (reply.kind !== 'write-reply' || route === undefined) {
      this.reject(
        new RangekeeperError('OUTCOME_UNKNOWN', `node ${from.peerNode} answered a write with ${reply.kind}`),
      );
      return;
    }
    context.health.answered(from.peerNode, context.env.now() - this.sentAt);
    context.seen.note(route.descriptor.id, reply.revision);
    this.resolve({ reply, route });
  }

  failed(error: RangekeeperError): void {
    if (error.code === 'DEADLINE') {
      this.giveUp(this.finalError());
      return;
    }
    this.learnFrom(error);
    if (error.applied !== 'no' || error.retry === 'never') this.reject(error);
    else this.again();
  }

  protected peek(): DescriptorImage | undefined {
    return this.context.directory.locate(this.firstKey, false);
  }

  protected attempt(): void {
    const { context, task } = this;
    const route = context.directory.locate(this.firstKey, true);
    this.route = route;
    if (route === undefined) {
      this.lastError = new RangekeeperError('NO_OWNER', 'no range holds the key');
      context.directory.refreshList();
      this.again();
      return;
    }
    const { descriptor } = route;
    if (task.keys.length > 1 && !task.keys.every((key) => contains(descriptor, key))) {
      this.reject(new RangekeeperError('CROSS_RANGE', 'the keys of the batch are in several ranges'));
      return;
    }
    const { id: range, epoch, owner } = descriptor;
    this.sentAt = context.env.now();
    const body = { kind: 'write', range, epoch, operation: task.operation } as const;
    context.peers.request(owner.node, body, this.deadline, this);
  }

  protected giveUp(error: RangekeeperError): void {
    this.reject(error);
  }

  private get firstKey(): Bytes {
    return this.task.keys[0] as Bytes;
  }
}
