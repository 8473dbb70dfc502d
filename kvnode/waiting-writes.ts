// The clients of a range that wait for their writes, in the order of the log: appended at the end, answered from the
// front as entries are applied.

import type { Epoch, Seq } from '../common/model/ids.ts';
import type { Operation, ReplyBody } from '../common/wire/messages.ts';

/** Where an answer goes (common/net/channel.ts). */
export interface Answerable {
  reply(id: number, body: ReplyBody): void;
}

export interface WaitingWrite {
  readonly seq: Seq;
  readonly epoch: Epoch;
  /** As decoded when it came, so that it is not decoded again to be applied. */
  readonly operation: Operation;
  /** Of the encoded operation. */
  readonly bytes: number;
  readonly client: Answerable;
  readonly requestId: number;
}

/** Slots before the front are given back once there are so many. */
const COMPACT_AT = 1024;

export class WaitingWrites {
  #writes: WaitingWrite[] = [];
  #front = 0;
  #bytes = 0;

  /** Encoded operations that wait, together. */
  get bytes(): number {
    return this.#bytes;
  }

  push(write: WaitingWrite): void {
    this.#writes.push(write);
    this.#bytes += write.bytes;
  }

  /** The write at `seq` of `epoch`, if somebody waits for it; those before it have been answered or are lost. */
  take(epoch: Epoch, seq: Seq): WaitingWrite | null {
    const first = this.#writes[this.#front];
    if (first === undefined || first.seq !== seq || first.epoch !== epoch) return null;
    this.#front++;
    this.#bytes -= first.bytes;
    if (this.#front >= COMPACT_AT && this.#front * 2 >= this.#writes.length) {
      this.#writes = this.#writes.slice(this.#front);
      this.#front = 0;
    }
    return first;
  }

  /** All that still wait. */
  takeAll(): readonly WaitingWrite[] {
    const rest = this.#writes.slice(this.#front);
    this.#writes = [];
    this.#front = 0;
    this.#bytes = 0;
    return rest;
  }
}
