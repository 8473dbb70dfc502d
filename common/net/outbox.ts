// What a channel is about to send: the frames of one turn of the event loop, gathered into one message, or into several
// where they outgrow the goal. Nothing leaves before `open`; from then on everything leaves at the turn's end.

import type { Bytes } from '../base/bytes.ts';
import type { Env } from '../base/env.ts';
import { EnvelopeWriter } from '../wire/codec.ts';
import type { Body } from '../wire/messages.ts';
import type { Connection } from './transport.ts';

export class Outbox {
  private readonly env: Env;
  private readonly messageBytesGoal: number;
  private readonly onFlush: () => void;
  private readonly gathered = new EnvelopeWriter();
  /** Whole messages that wait for the connection. */
  private held: Bytes[] = [];
  private heldBytes = 0;
  private connection: Connection | null = null;
  private flushDue = false;

  /** `onFlush` is called whenever everything added so far has been handed to the connection. */
  constructor(env: Env, messageBytesGoal: number, onFlush: () => void) {
    this.env = env;
    this.messageBytesGoal = messageBytesGoal;
    this.onFlush = onFlush;
  }

  get queuedBytes(): number {
    return (this.connection?.queuedBytes ?? 0) + this.heldBytes + this.gathered.bytes;
  }

  /** Copies the frame in. */
  add(id: number, body: Body): void {
    this.gathered.add(id, body);
    if (this.gathered.bytes >= this.messageBytesGoal) this.seal();
    if (this.flushDue || this.connection === null) return;
    this.flushDue = true;
    this.env.soon(() => {
      this.flushDue = false;
      this.flush();
    });
  }

  open(connection: Connection): void {
    this.connection = connection;
    this.flush();
  }

  flush(): void {
    if (this.connection === null) return;
    for (const message of this.held) this.connection.send(message);
    this.held = [];
    this.heldBytes = 0;
    if (this.gathered.frames > 0) this.connection.send(this.gathered.take());
    this.onFlush();
  }

  /** Nothing leaves any more. */
  close(): void {
    this.connection = null;
    this.held = [];
    this.heldBytes = 0;
    this.gathered.clear();
  }

  private seal(): void {
    const message = this.gathered.take();
    this.held.push(message);
    this.heldBytes += message.length;
    if (this.connection !== null) this.flush();
  }
}
