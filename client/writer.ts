// R13: who writes. For each range an identity of its own, numbers that rise with each write, and the number below which
// none is under way any more, so that the range may forget their answers. One identity a range, so that a write which waits
// long in one range keeps no answers alive in others. A number is under way while a request with it may still take effect.

import { assert } from '../common/base/assert.ts';
import type { Bytes } from '../common/base/bytes.ts';
import type { Env } from '../common/base/env.ts';
import { LIMITS } from '../common/model/config.ts';
import type { Descriptor } from '../common/model/descriptor.ts';
import type { RangeId, Seq } from '../common/model/ids.ts';
import { CLIENT_ID_BYTES, type Mutation } from '../common/wire/messages.ts';
import { encodeOperation } from '../common/wire/operation.ts';

/** A write with its number: these bytes and no others are sent while its outcome is not known. */
export interface NumberedWrite {
  readonly writer: Writer;
  readonly number: number;
  /** The range that number and base are of. */
  readonly range: RangeId;
  readonly base: Seq;
  /** The encoded Operation. */
  readonly operation: Bytes;
}

const SLOTS_MIN = 64;

/** One identity. */
class Writer {
  private readonly clientId: Bytes;
  private next = 1;
  private lowest = 1;
  /** Of each number from `lowest` on, in a ring: 1 where it is under way. */
  private underWay = new Uint8Array(SLOTS_MIN);

  constructor(clientId: Bytes) {
    this.clientId = clientId;
  }

  /** One number more would be too far above the lowest one under way. */
  get isFull(): boolean {
    return this.next - this.lowest >= LIMITS.writeWindow;
  }

  begin(mutations: readonly Mutation[], range: RangeId, base: Seq): NumberedWrite {
    const number = this.next++;
    if (number - this.lowest >= this.underWay.length) this.widen();
    this.underWay[number & (this.underWay.length - 1)] = 1;
    const { clientId, lowest: doneBelow } = this;
    const operation = encodeOperation({ clientId, number, doneBelow, base, mutations });
    return { writer: this, number, range, base, operation };
  }

  /** The number will not be sent again. */
  end(number: number): void {
    const { underWay } = this;
    const mask = underWay.length - 1;
    assert(number >= this.lowest && underWay[number & mask] === 1, 'R13: a number ends once');
    underWay[number & mask] = 0;
    while (this.lowest < this.next && underWay[this.lowest & mask] === 0) this.lowest++;
  }

  private widen(): void {
    const before = this.underWay;
    this.underWay = new Uint8Array(before.length * 2);
    for (let number = this.lowest; number < this.lowest + before.length; number++) {
      this.underWay[number & (this.underWay.length - 1)] = before[number & (before.length - 1)] as number;
    }
  }
}

export class Writers {
  private readonly env: Env;
  private readonly writers = new Map<RangeId, Writer>();

  constructor(env: Env) {
    this.env = env;
  }

  /** Encodes a write with a new number; `base` is a seq of the range known now. */
  begin(mutations: readonly Mutation[], range: RangeId, base: Seq): NumberedWrite {
    let writer = this.writers.get(range);
    if (writer === undefined || writer.isFull) {
      writer = new Writer(this.env.randomBytes(CLIENT_ID_BYTES));
      this.writers.set(range, writer);
    }
    return writer.begin(mutations, range, base);
  }
}

/**
 * Whether a write that may have been applied can be sent to this range again: its own, or the right half of it, unless its
 * base is of after the split, when the number means nothing there.
 */
export function knownTo({ range, base }: NumberedWrite, { id, parent }: Descriptor): boolean {
  return id === range || (parent !== null && parent.range === range && base <= parent.at.seq);
}
