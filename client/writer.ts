// R13: the identities under which a client writes. A write carries the client's identity, a number that rises with each write,
// and the number below which no write is under way, so that the range may forget the older answers. A number is under way as
// long as a request with it may still take effect. Each range has an identity of its own, so that a write that waits long in
// one range does not keep answers alive in others.

import { assert } from '../common/base/assert.ts';
import type { Bytes } from '../common/base/bytes.ts';
import type { Env } from '../common/base/env.ts';
import { LIMITS } from '../common/model/config.ts';
import type { Descriptor } from '../common/model/descriptor.ts';
import type { RangeId, Seq } from '../common/model/ids.ts';
import { CLIENT_ID_BYTES, type Mutation } from '../common/wire/messages.ts';
import { encodeOperation } from '../common/wire/operation.ts';

/** A write with its number. As long as its outcome is unknown, only these bytes are sent. */
export interface NumberedWrite {
  readonly writer: Writer;
  readonly number: number;
  /** The range to which number and base belong. */
  readonly range: RangeId;
  readonly base: Seq;
  /** The encoded Operation. */
  readonly operation: Bytes;
}

const SLOTS_MIN = 64;

/** One identity. */
class Writer {
  readonly #clientId: Bytes;
  #next = 1;
  #lowest = 1;
  /** A ring with an item for each number from `lowest` on: 1 if it is under way. */
  #underWay = new Uint8Array(SLOTS_MIN);

  constructor(clientId: Bytes) {
    this.#clientId = clientId;
  }

  /** Whether the next number would be too far above the lowest one under way. */
  get isFull(): boolean {
    return this.#next - this.#lowest >= LIMITS.writeWindow;
  }

  begin(mutations: readonly Mutation[], range: RangeId, base: Seq): NumberedWrite {
    const number = this.#next++;
    if (number - this.#lowest >= this.#underWay.length) this.#widen();
    this.#underWay[number & (this.#underWay.length - 1)] = 1;
    const clientId = this.#clientId;
    const operation = encodeOperation({ clientId, number, doneBelow: this.#lowest, base, mutations });
    return { writer: this, number, range, base, operation };
  }

  /** Ends a number: it will not be sent again. */
  end(number: number): void {
    const underWay = this.#underWay;
    const mask = underWay.length - 1;
    assert(number >= this.#lowest && underWay[number & mask] === 1, 'R13: a number ends once');
    underWay[number & mask] = 0;
    while (this.#lowest < this.#next && underWay[this.#lowest & mask] === 0) this.#lowest++;
  }

  #widen(): void {
    const before = this.#underWay;
    this.#underWay = new Uint8Array(before.length * 2);
    for (let number = this.#lowest; number < this.#lowest + before.length; number++) {
      this.#underWay[number & (this.#underWay.length - 1)] = before[number & (before.length - 1)] as number;
    }
  }
}

export class Writers {
  readonly #env: Env;
  readonly #writers = new Map<RangeId, Writer>();

  constructor(env: Env) {
    this.#env = env;
  }

  /** Encodes a write with a new number. @param base the highest seq of the range that this client has seen */
  begin(mutations: readonly Mutation[], range: RangeId, base: Seq): NumberedWrite {
    let writer = this.#writers.get(range);
    if (writer === undefined || writer.isFull) {
      writer = new Writer(this.#env.randomBytes(CLIENT_ID_BYTES));
      this.#writers.set(range, writer);
    }
    return writer.begin(mutations, range, base);
  }

  /** The range has ended. Writes under way keep their numbers. */
  forget(range: RangeId): void {
    this.#writers.delete(range);
  }
}

/**
 * Whether a write that may have been applied can be repeated in this range: it must be the range that the write was numbered for, or
 * one that came of it, since the children have its answers (S8).
 */
export function canRepeatIn({ range }: NumberedWrite, { id, parents }: Descriptor): boolean {
  return id === range || parents.some((parent) => parent.range === range);
}
