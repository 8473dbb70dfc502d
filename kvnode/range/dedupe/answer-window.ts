// R13: the answers that one client may still ask for again, by the numbers of its writes. They are in a ring buffer
// over the numbers from doneBelow on: one typed array, since every write of every client passes here. It grows and
// shrinks with the span of the numbers. Index reads here are cast, not checked: these loops are hot.

import { assert } from '../../../common/base/assert.ts';
import { LIMITS } from '../../../common/model/config.ts';
import type { Epoch, Seq } from '../../../common/model/ids.ts';

/** The answer to a write, however often its client asks. */
export type WriteAnswer =
  /**
   * `epoch`: of the entry that applied it. `revision`: its seq. `deleted`: the number of keys that existed and were
   * deleted.
   */
  | { readonly kind: 'written'; readonly epoch: Epoch; readonly revision: Seq; readonly deleted: number }
  /**
   * `revision`: of the key whose condition did not hold. `index`: the place of its mutation in the write; null: not known. Only a
   * replica that has applied the write in this life of its process knows it, because the record of a session does not have it:
   * replicas of different versions compare these records.
   */
  | { readonly kind: 'conflict'; readonly revision: Seq; readonly index: number | null };

/** Of a conflict: the number of the mutation, from 1; 0: not known. */
const EPOCH = 0;
const REVISION = 1;
/** 0: no answer. 1: conflict. From 2 on: written, with (outcome - 2) keys deleted. */
const OUTCOME = 2;
const WIDTH = 3;

const NONE = 0;
const CONFLICT = 1;
const WRITTEN = 2;

const SLOTS_MIN = 4;

export class AnswerWindow {
  #slots = new Float64Array(SLOTS_MIN * WIDTH);
  /** A power of two minus one. */
  #mask = SLOTS_MIN - 1;
  #from: number;
  #end: number;
  /** How many calls of dropBelow in a row have found the ring nearly empty. */
  #spare = 0;

  constructor(doneBelow: number) {
    this.#from = doneBelow;
    this.#end = doneBelow;
  }

  /** An equal window that changes independently. */
  copy(): AnswerWindow {
    const copy = new AnswerWindow(this.#from);
    copy.#slots = this.#slots.slice();
    copy.#mask = this.#mask;
    copy.#end = this.#end;
    return copy;
  }

  /** The window has no answers below this number. */
  get doneBelow(): number {
    return this.#from;
  }

  /** How many numbers there are from doneBelow through the highest one with an answer. */
  get span(): number {
    return this.#end - this.#from;
  }

  get(number: number): WriteAnswer | null {
    if (number < this.#from || number >= this.#end) return null;
    const at = (number & this.#mask) * WIDTH;
    const outcome = this.#slots[at + OUTCOME] as number;
    if (outcome === NONE) return null;
    const revision = this.#slots[at + REVISION] as number;
    if (outcome === CONFLICT) {
      const mutation = this.#slots[at + EPOCH] as number;
      return { kind: 'conflict', revision, index: mutation === 0 ? null : mutation - 1 };
    }
    return {
      kind: 'written',
      epoch: this.#slots[at + EPOCH] as number,
      revision,
      deleted: outcome - WRITTEN,
    };
  }

  set(number: number, answer: WriteAnswer): void {
    assert(number >= this.#from, 'no answer below doneBelow');
    assert(number - this.#from < LIMITS.writeWindow, 'the answers of a client are within its window');
    while (number - this.#from > this.#mask) this.#resize((this.#mask + 1) * 2);
    if (number >= this.#end) this.#end = number + 1;
    const at = (number & this.#mask) * WIDTH;
    const written = answer.kind === 'written';
    this.#slots[at + EPOCH] = written ? answer.epoch : answer.index === null ? 0 : answer.index + 1;
    this.#slots[at + REVISION] = answer.revision;
    this.#slots[at + OUTCOME] = written ? WRITTEN + answer.deleted : CONFLICT;
  }

  /** Drops the answers below `doneBelow`: the client will not ask for them again. */
  dropBelow(doneBelow: number): void {
    if (doneBelow <= this.#from) return;
    const end = Math.min(doneBelow, this.#end);
    for (let number = this.#from; number < end; number++) {
      this.#slots[(number & this.#mask) * WIDTH + OUTCOME] = NONE;
    }
    // A client that sends many writes at once and waits for all of them has a short span again and again. That is no
    // reason to shrink yet.
    this.#spare = this.span * 8 > this.#mask ? 0 : this.#spare + 1;
    this.#from = doneBelow;
    this.#end = Math.max(doneBelow, this.#end);
    if (this.#mask < SLOTS_MIN || this.#spare <= 2 * this.#mask) return;
    this.#spare = 0;
    this.#resize((this.#mask + 1) / 2);
  }

  /** The answers, in order of their numbers. */
  *entries(): Generator<readonly [number, WriteAnswer]> {
    for (let number = this.#from; number < this.#end; number++) {
      const answer = this.get(number);
      if (answer !== null) yield [number, answer];
    }
  }

  #resize(slots: number): void {
    const before = this.#slots;
    const beforeMask = this.#mask;
    this.#slots = new Float64Array(slots * WIDTH);
    this.#mask = slots - 1;
    for (let number = this.#from; number < this.#end; number++) {
      const at = (number & beforeMask) * WIDTH;
      this.#slots.set(before.subarray(at, at + WIDTH), (number & this.#mask) * WIDTH);
    }
  }
}
