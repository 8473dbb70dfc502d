// A linearizable read, which asks only the owner. One request is under way at a time, so the call itself takes the reply. Most
// reads are of this kind, and so each needs only one object.

import type { Failure } from '../common/base/errors.ts';
import type { Channel } from '../common/net/channel.ts';
import type { PeerReplyHandler } from '../common/net/peers.ts';
import type { ReplyBody } from '../common/wire/messages.ts';
import { isFinal, notARead, ReadCall, readReply } from './read-call.ts';

export class OwnerRead<T> extends ReadCall<T> implements PeerReplyHandler {
  #sentAt = 0;

  protected attempt(now: number): void {
    const route = this.routeNow();
    if (route === undefined) return;
    this.#sentAt = now;
    const { descriptor } = route;
    const body = this.task.body(descriptor, 'linearizable', 0);
    this.context.peers.request(descriptor.owner.node, body, this.deadline, this);
  }

  replied(body: ReplyBody, from: Channel): void {
    const { route } = this;
    if (route === undefined) return;
    const { descriptor } = route;
    const reply = readReply(body);
    if (reply === null) this.failed(notARead(descriptor.owner.node, body));
    else this.answered(reply, descriptor, descriptor.owner.node, from.receivedAt - this.#sentAt);
  }

  failed(error: Failure): void {
    this.learnFrom(error);
    if (isFinal(error)) this.giveUp(error);
    else this.retry();
  }
}
