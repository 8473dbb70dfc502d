// Writes that came while their range is sealed (docs/replication.md, S2). They are not in the log. A few milliseconds later they are
// proposed, or refused so that their clients retry at once in a child of the range.

import type { WriteRequest } from '../../common/wire/messages.ts';
import type { ReplyTarget, WaitingBytes } from './waiting-writes.ts';

/** A write request for the range of a host. `operation`: the encoded operation. */
export type WriteToRange = Pick<WriteRequest, 'epoch' | 'operation'>;

export interface HeldWrite {
  readonly request: WriteToRange;
  readonly client: ReplyTarget;
  readonly requestId: number;
}

export class HeldWrites {
  #writes: HeldWrite[] = [];
  #bytes = 0;
  readonly #node: WaitingBytes;

  constructor(node: WaitingBytes) {
    this.#node = node;
  }

  /** Bytes of the encoded operations. */
  get bytes(): number {
    return this.#bytes;
  }

  push(write: HeldWrite): void {
    const bytes = write.request.operation.length;
    this.#writes.push(write);
    this.#bytes += bytes;
    this.#node.all += bytes;
  }

  /** Removes and returns all, in the order in which they came. */
  takeAll(): readonly HeldWrite[] {
    const writes = this.#writes;
    this.#writes = [];
    this.#node.all -= this.#bytes;
    this.#bytes = 0;
    return writes;
  }
}
