// The writes of a range whose clients wait for an answer, in log order. They are appended at the end, and answered from
// the front as entries are applied.

import type { Epoch, Seq } from '../../common/model/ids.ts';
import type { Operation, ReplyBody } from '../../common/wire/messages.ts';

/** Where the reply to a request is sent (common/net/channel.ts). */
export interface ReplyTarget {
  reply(id: number, body: ReplyBody): void;
}

export interface WaitingWrite {
  readonly seq: Seq;
  readonly epoch: Epoch;
  /** The decoded operation, so that it is not decoded again to be applied. Null: read it from the log. */
  readonly operation: Operation | null;
  /** Bytes of the encoded operation. */
  readonly bytes: number;
  readonly client: ReplyTarget;
  readonly requestId: number;
}

/** Bytes of the encoded operations that wait in all ranges of a node. */
export class WaitingBytes {
  all = 0;
}

const SLOTS_MIN = 64;

export class WaitingWrites {
  /** A ring buffer. A slot is emptied when its write is taken, so that answered writes can be garbage-collected. */
  #ring: (WaitingWrite | null)[] = slots(SLOTS_MIN);
  /** The writes in [front, end) wait. They are counted from the first one ever. */
  #front = 0;
  #end = 0;
  #bytes = 0;
  readonly #node: WaitingBytes;

  constructor(node: WaitingBytes) {
    this.#node = node;
  }

  /** Bytes of the encoded operations that wait in this range. */
  get bytes(): number {
    return this.#bytes;
  }

  push(write: WaitingWrite): void {
    if (this.#end - this.#front === this.#ring.length) this.#grow();
    this.#ring[this.#end++ & (this.#ring.length - 1)] = write;
    this.#bytes += write.bytes;
    this.#node.all += write.bytes;
  }

  /** Removes and returns the write at `seq` of `epoch`, if it is the first one that waits. Null otherwise. */
  take(epoch: Epoch, seq: Seq): WaitingWrite | null {
    const at = this.#front & (this.#ring.length - 1);
    const first = this.#ring[at] ?? null;
    if (first === null || first.seq !== seq || first.epoch !== epoch) return null;
    this.#ring[at] = null;
    this.#front++;
    this.#bytes -= first.bytes;
    this.#node.all -= first.bytes;
    return first;
  }

  /** Removes and returns all writes. */
  takeAll(): readonly WaitingWrite[] {
    const rest = this.#all();
    this.#ring = slots(SLOTS_MIN);
    this.#front = 0;
    this.#end = 0;
    this.#node.all -= this.#bytes;
    this.#bytes = 0;
    return rest;
  }

  #all(): WaitingWrite[] {
    const all: WaitingWrite[] = [];
    for (let at = this.#front; at < this.#end; at++) {
      const write = this.#ring[at & (this.#ring.length - 1)] ?? null;
      if (write !== null) all.push(write);
    }
    return all;
  }

  #grow(): void {
    const all = this.#all();
    this.#ring = [...all, ...slots(this.#ring.length)];
    this.#front = 0;
    this.#end = all.length;
  }
}

function slots(count: number): (WaitingWrite | null)[] {
  return new Array<WaitingWrite | null>(count).fill(null);
}
