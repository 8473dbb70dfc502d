// The clients of a range that wait for their writes, in the order of the log: appended at the end, answered from the
// front as entries are applied.

import type { Epoch, Seq } from '../../common/model/ids.ts';
import type { Operation, ReplyBody } from '../../common/wire/messages.ts';

/** Where an answer goes (common/net/channel.ts). */
export interface ReplyTarget {
  reply(id: number, body: ReplyBody): void;
}

export interface WaitingWrite {
  readonly seq: Seq;
  readonly epoch: Epoch;
  /** As decoded when it came, so that it is not decoded again to be applied; null: to be read from the log. */
  readonly operation: Operation | null;
  /** Of the encoded operation. */
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
  /** A ring, whose slots are emptied as writes are taken: nothing that was answered stays alive. */
  #ring: (WaitingWrite | null)[] = slots(SLOTS_MIN);
  /** Writes in [front, end), counted from the first one ever. */
  #front = 0;
  #end = 0;
  #bytes = 0;
  readonly #node: WaitingBytes;

  constructor(node: WaitingBytes) {
    this.#node = node;
  }

  /** Encoded operations that wait, together. */
  get bytes(): number {
    return this.#bytes;
  }

  push(write: WaitingWrite): void {
    if (this.#end - this.#front === this.#ring.length) this.#widen();
    this.#ring[this.#end++ & (this.#ring.length - 1)] = write;
    this.#bytes += write.bytes;
    this.#node.all += write.bytes;
  }

  /** The write at `seq` of `epoch`, if somebody waits for it; those before it have been answered or are lost. */
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

  /** All that still wait. */
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

  #widen(): void {
    const all = this.#all();
    this.#ring = [...all, ...slots(this.#ring.length)];
    this.#front = 0;
    this.#end = all.length;
  }
}

function slots(count: number): (WaitingWrite | null)[] {
  return new Array<WaitingWrite | null>(count).fill(null);
}
