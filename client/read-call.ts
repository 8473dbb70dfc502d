// One read under way. Reads change nothing, so a read may be repeated whatever happened to the last attempt. The task says what is
// read. The subclasses decide which nodes are asked, and how many at once (owner-read.ts, hedged-read.ts).

import { Failure } from '../common/base/errors.ts';
import type { Descriptor, DescriptorImage } from '../common/model/descriptor.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { GetReply, ReplyBody, RequestBody, ScanReply, WireReadMode } from '../common/wire/messages.ts';
import type { Freshness, ReadMode } from './api.ts';
import { Call, type CallContext, type CallLimits } from './call.ts';
import type { Directory } from './directory.ts';
import { rejection } from './rejection.ts';

export type ReadReply = GetReply | ScanReply;

/** What is read, in which mode, and how the reply becomes the caller's answer. */
export interface ReadTask<T> {
  readonly mode: ReadMode;
  readonly limits: CallLimits;
  readonly fallbackMs: number;
  /** The range to ask. @param use whether it is about to be asked, and so should be watched */
  route(directory: Directory, use: boolean): DescriptorImage | undefined;
  body(descriptor: Descriptor, mode: WireReadMode, minSeq: number): RequestBody;
  /** The caller's answer. If it throws, the call rejects with that error. Byte fields of the reply are views into the message. */
  result(reply: ReadReply, descriptor: Descriptor, node: NodeId, freshness: Freshness): T;
}

const CURRENT: Freshness = { stale: false, staleMs: 0 };

export abstract class ReadCall<T> extends Call {
  protected readonly task: ReadTask<T>;
  readonly #resolve: (result: T | Promise<never>) => void;
  readonly #reject: (error: unknown) => void;
  protected done = false;

  constructor(
    context: CallContext,
    task: ReadTask<T>,
    resolve: (result: T | Promise<never>) => void,
    reject: (error: unknown) => void,
  ) {
    super(context, task.limits);
    this.task = task;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(): void {
    this.attempt(this.startedAt);
  }

  protected peek(): DescriptorImage | undefined {
    return this.task.route(this.context.directory, false);
  }

  /** The range to ask now. If undefined, no range holds the key, and a retry is under way. */
  protected routeNow(): DescriptorImage | undefined {
    const { directory } = this.context;
    this.route = this.task.route(directory, true);
    if (this.route !== undefined) return this.route;
    this.withoutRange();
    return undefined;
  }

  /** A node has answered. @param roundTripMs how long after the request */
  protected answered(reply: ReadReply, descriptor: Descriptor, node: NodeId, roundTripMs: number): void {
    const { health, seen } = this.context;
    health.answered(node, roundTripMs);
    seen.note(descriptor.id, reply.appliedSeq);
    if (!this.finish(true)) return;
    try {
      this.#resolve(this.task.result(reply, descriptor, node, freshnessOf(reply, roundTripMs)));
    } catch (error) {
      // A malformed reply fails this call, but must not end the process.
      this.#reject(error);
    }
  }

  protected giveUp(error: Failure): void {
    if (this.finish(false)) this.#resolve(rejection(error));
  }

  /** An answer that still comes is ignored. */
  protected stop(): null {
    this.giveUp(this.finalError());
    return null;
  }

  /** A read whose last attempt nobody answered is not in doubt. So if ZooKeeper is silent, that is the cause, as for other attempts. */
  protected override unreached(last: Failure): Failure {
    return isUnanswered(last) && this.zookeeperCause === null ? this.unanswered(last) : super.unreached(last);
  }

  protected unanswered(last: Failure): Failure {
    return new Failure('DEADLINE', `no answer in time; last: ${last.message}`);
  }

  /** Ends the call. False if it had ended before. @param answered whether it has an answer */
  protected finish(answered: boolean): boolean {
    if (this.done) return false;
    this.done = true;
    this.ended(answered);
    return true;
  }
}

/** R11: how far the answer may be behind when it arrives here. */
function freshnessOf({ stale, staleMs }: ReadReply, roundTripMs: number): Freshness {
  if (!stale) return CURRENT;
  return { stale, staleMs: staleMs === null ? null : staleMs + roundTripMs };
}

/** Null if it is not the reply to a read. */
export function readReply(body: ReplyBody): ReadReply | null {
  return body.kind === 'get-reply' || body.kind === 'scan-reply' ? body : null;
}

export function notARead(node: NodeId, body: ReplyBody): Failure {
  return new Failure('MALFORMED', `node ${node} answered a read with ${body.kind}`);
}

/** Whether another node, or another attempt, would give the same error. */
export function isFinal(error: Failure): boolean {
  return error.retry === 'never' && !isUnanswered(error) && error.code !== 'NO_OWNER';
}

export function isUnanswered({ code }: Failure): boolean {
  return code === 'OUTCOME_UNKNOWN' || code === 'DEADLINE';
}
