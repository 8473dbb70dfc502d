// Gathers the frames that a channel sends in one turn of the event loop into one message, or into several if it becomes larger than
// its goal. Nothing is sent before `open`. From then on everything is sent at the end of the turn.

import type { Bytes } from '../base/bytes.ts';
import { decodeEnvelope, EnvelopeWriter, encodeEnvelope } from '../wire/codec.ts';
import type { Body, RequestBody } from '../wire/messages.ts';
import type { Connection } from './transport.ts';
import type { Gathered, TurnEnd } from './turn-end.ts';

/** A message is sent before the end of the turn once it has one of these sizes. */
export interface MessageGoals {
  readonly messageBytesGoal: number;
  /** Frames of a message of gets or of their answers. So the other end can work on them while more are gathered here. */
  readonly messageGetsGoal: number;
  /**
   * Bytes of a message of answers to gets. The other end gets such a message from one read of its socket, without a copy, and it is
   * so small that values are kept as views of it (base/bytes.ts `keepable`).
   */
  readonly messageValuesGoal: number;
  /** Frames of a message of pages of scans, if it also has messageValuesGoal bytes. The reason is the same as for gets. */
  readonly messagePagesGoal: number;
}

export class Outbox implements Gathered {
  readonly #turnEnd: TurnEnd;
  readonly #goals: MessageGoals;
  readonly #onFlush: () => void;
  readonly #gathered = new EnvelopeWriter();
  /** Complete messages that wait for the connection. */
  #held: Bytes[] = [];
  #heldBytes = 0;
  /** Ids of requests that must not be sent any more. */
  readonly #withdrawn = new Set<number>();
  #connection: Connection | null = null;
  #flushDue = false;

  /** @param onFlush called whenever everything added so far has been handed to the connection */
  constructor(turnEnd: TurnEnd, goals: MessageGoals, onFlush: () => void) {
    this.#turnEnd = turnEnd;
    this.#goals = goals;
    this.#onFlush = onFlush;
  }

  get queuedBytes(): number {
    return (this.#connection?.queuedBytes ?? 0) + this.#heldBytes + this.#gathered.bytes;
  }

  /** Adds a frame, which is copied. */
  add(id: number, body: Body): void {
    this.#gathered.add(id, body);
    if (this.#isFull(body)) this.#seal();
    else if (!this.#flushDue && this.#connection !== null) {
      this.#flushDue = true;
      this.#turnEnd.add(this);
    }
  }

  open(connection: Connection): void {
    this.#connection = connection;
    this.flush();
  }

  flush(): void {
    this.#flushDue = false;
    this.#sendAll();
  }

  /** Takes back a request that has not been handed to the connection. The caller reports that it was not sent. */
  withdraw(id: number): void {
    this.#withdrawn.add(id);
  }

  /** Drops everything. Nothing is sent any more. */
  close(): void {
    this.#connection = null;
    this.#held = [];
    this.#heldBytes = 0;
    this.#gathered.clear();
  }

  #isFull({ kind }: Body): boolean {
    const { bytes, frames } = this.#gathered;
    const { messageBytesGoal, messageGetsGoal, messageValuesGoal, messagePagesGoal } = this.#goals;
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

  #seal(): void {
    const message = this.#gathered.take();
    this.#held.push(message);
    this.#heldBytes += message.length;
    this.#sendAll();
  }

  #sendAll(): void {
    if (this.#connection === null || (this.#gathered.frames === 0 && this.#held.length === 0)) return;
    if (this.#gathered.frames > 0) this.#held.push(this.#gathered.take());
    for (const message of this.#held) {
      const left = this.#withdrawn.size === 0 ? message : without(message, this.#withdrawn);
      if (left !== null) this.#connection.send(left);
    }
    this.#held = [];
    this.#heldBytes = 0;
    this.#withdrawn.clear();
    this.#onFlush();
  }
}

/** The message without these requests; null: nothing else is in it. */
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
