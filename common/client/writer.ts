// R13: who writes. One identity a client, numbers that rise with each write, and the number below which none is under
// way any more, so that the owner may forget their answers.

import type { Bytes } from '../base/bytes.ts';
import type { Env } from '../base/env.ts';
import type { Seq } from '../model/ids.ts';
import type { Mutation } from '../wire/messages.ts';
import { encodeOperation } from '../wire/operation.ts';

export interface NumberedWrite {
  readonly number: number;
  /** The encoded Operation. */
  readonly operation: Bytes;
}

export class Writer {
  private readonly clientId: Bytes;
  private next = 1;
  /** Rising, as a Set keeps the order of insertion: the first is the lowest. */
  private readonly underWay = new Set<number>();

  constructor(env: Env) {
    this.clientId = env.randomBytes(16);
  }

  /** Encodes a write, once; `base` is a seq of the range known now. */
  begin(mutations: readonly Mutation[], base: Seq): NumberedWrite {
    const number = this.next++;
    this.underWay.add(number);
    const doneBelow = this.underWay.values().next().value ?? number;
    const { clientId } = this;
    return { number, operation: encodeOperation({ clientId, number, doneBelow, base, mutations }) };
  }

  /** The write has ended and will not be sent again. */
  end(number: number): void {
    this.underWay.delete(number);
  }
}
