// What a channel is about to send: the frames of one turn of the event loop, gathered into one message, or into several
// where they outgrow the goal. Nothing leaves before `open`; from then on everything leaves at the turn's end.

import type { Bytes } from '../base/bytes.ts';
import { decodeEnvelope, EnvelopeWriter, encodeEnvelope } from '../wire/codec.ts';
import type { Body, RequestBody } from '../wire/messages.ts';
import type { Connection } from './transport.ts';
import type { Gathered, TurnEnd } from './turn-end.ts';

/** A gathered message is sent before the turn's end once it has so much. */
export interface MessageGoals {
  readonly messageBytesGoal: number;
  /** Frames, where they are gets or their answers: the other end works on these while more gather here. */
  readonly messageGetsGoal: number;
  /**
   * Bytes, where they are answers to gets: such a message comes out of one read of the other end's socket, uncopied, and
   * is small enough that the values in it are kept as they are (base/bytes.ts `keepable`).
   */
  readonly messageValuesGoal: number;
  /** Frames, where they are pages of scans and of messageValuesGoal bytes together, for the same reason as with gets. */
  readonly messagePagesGoal: number;
}

export class Outbox implements Gathered {
  private readonly turnEnd: TurnEnd;
  private readonly goals: MessageGoals;
  private readonly onFlush: () => void;
  private readonly gathered = new EnvelopeWriter();
  /** Whole messages that wait for the connection. */
  private held: Bytes[] = [];
  private heldBytes = 0;
  /** Requests that must not leave any more. */
  private readonly withdrawn = new Set<number>();
  private connection: Connection | null = null;
  private flushDue = false;

  /** `onFlush` is called whenever everything added so far has been handed to the connection. */
  constructor(turnEnd: TurnEnd, goals: MessageGoals, onFlush: () => void) {
    this.turnEnd = turnEnd;
    this.goals = goals;
    this.onFlush = onFlush;
  }

  get queuedBytes(): number {
    return (this.connection?.queuedBytes ?? 0) + this.heldBytes + this.gathered.bytes;
  }

  /** Copies the frame in. */
  add(id: number, body: Body): void {
    this.gathered.add(id, body);
    if (this.isFull(body)) this.seal();
    else if (!this.flushDue && this.connection !== null) {
      this.flushDue = true;
      this.turnEnd.add(this);
    }
  }

  open(connection: Connection): void {
    this.connection = connection;
    this.flush();
  }

  flush(): void {
    this.flushDue = false;
    this.sendAll();
  }

  /** Takes back a request that has not been handed to the connection: its asker is told that it never left. */
  withdraw(id: number): void {
    this.withdrawn.add(id);
  }

  /** Nothing leaves any more. */
  close(): void {
    this.connection = null;
    this.held = [];
    this.heldBytes = 0;
    this.gathered.clear();
  }

  private isFull({ kind }: Body): boolean {
    const { bytes, frames } = this.gathered;
    const { messageBytesGoal, messageGetsGoal, messageValuesGoal, messagePagesGoal } = this.goals;
    if (bytes >= messageBytesGoal) return true;
    switch (kind) {
      case 'get':
        return frames >= messageGetsGoal;
      case 'get-reply':
        return frames >= messageGetsGoal || bytes >= messageValuesGoal;
      case 'scan-reply':
        return frames >= messagePagesGoal && bytes >= messageValuesGoal;
      default:
        return false;
    }
  }

  private seal(): void {
    const message = this.gathered.take();
    this.held.push(message);
    this.heldBytes += message.length;
    this.sendAll();
  }

  private sendAll(): void {
    if (this.connection === null || (this.gathered.frames === 0 && this.held.length === 0)) return;
    if (this.gathered.frames > 0) this.held.push(this.gathered.take());
    for (const message of this.held) {
      const left = this.withdrawn.size === 0 ? message : without(message, this.withdrawn);
      if (left !== null) this.connection.send(left);
    }
    this.held = [];
    this.heldBytes = 0;
    this.withdrawn.clear();
    this.onFlush();
  }
}

/** The message without these requests; null: nothing is left of it. */
function without(message: Bytes, requests: ReadonlySet<number>): Bytes | null {
  const frames = decodeEnvelope(message).filter(({ id, body }) => !(isRequest(body) && requests.has(id)));
  return frames.length === 0 ? null : encodeEnvelope(frames);
}

const REQUESTS: Readonly<Record<RequestBody['kind'], true>> = {
  write: true,
  get: true,
  scan: true,
  status: true,
  check: true,
};

function isRequest({ kind }: Body): boolean {
  return kind in REQUESTS;
}
