// R13: the answers that one client may still ask for again, by the numbers of its writes: a ring over the numbers from
// doneBelow on, in one typed array, since every write of every client passes here. It grows and shrinks with the span.

import { assert } from '../../../common/base/assert.ts';
import { LIMITS } from '../../../common/model/config.ts';
import type { Epoch, Seq } from '../../../common/model/ids.ts';

/** What a write's client is told, whenever it asks. */
export type WriteAnswer =
  /** `epoch`: that of the entry which did it. `deleted`: keys that existed and are gone. */
  | { readonly kind: 'written'; readonly epoch: Epoch; readonly revision: Seq; readonly deleted: number }
  /** `revision`: of the key whose condition did not hold. */
  | { readonly kind: 'conflict'; readonly revision: Seq };

const EPOCH = 0;
const REVISION = 1;
/** 0: no answer; 1: conflict; above: written, with that many keys deleted and 2. */
const OUTCOME = 2;
const WIDTH = 3;

const NONE = 0;
const CONFLICT = 1;
const WRITTEN = 2;

const SLOTS_MIN = 4;

export class AnswerWindow {
  #slots = new Float64Array(SLOTS_MIN * WIDTH);
  /** A power of two less one. */
  #mask = SLOTS_MIN - 1;
  #from: number;
  #end: number;
  /** Numbers forgotten since the slots were last of use. */
  #spare = 0;

  constructor(doneBelow: number) {
    this.#from = doneBelow;
    this.#end = doneBelow;
  }

  /** No answer below is kept. */
  get doneBelow(): number {
    return this.#from;
  }

  /** Numbers from doneBelow through the highest with an answer. */
  get span(): number {
    return this.#end - this.#from;
  }

  get(number: number): WriteAnswer | null {
    if (number < this.#from || number >= this.#end) return null;
    const at = (number & this.#mask) * WIDTH;
    const outcome = this.#slots[at + OUTCOME] as number;
    if (outcome === NONE) return null;
    const revision = this.#slots[at + REVISION] as number;
    if (outcome === CONFLICT) return { kind: 'conflict', revision };
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
    this.#slots[at + EPOCH] = written ? answer.epoch : 0;
    this.#slots[at + REVISION] = answer.revision;
    this.#slots[at + OUTCOME] = written ? WRITTEN + answer.deleted : CONFLICT;
  }

  /** The client will never ask for these again. */
  dropBelow(doneBelow: number): void {
    if (doneBelow <= this.#from) return;
    const end = Math.min(doneBelow, this.#end);
    for (let number = this.#from; number < end; number++) {
      this.#slots[(number & this.#mask) * WIDTH + OUTCOME] = NONE;
    }
    // A client that sends many at once and waits for all comes here with few left, over and over: that is no reason yet.
    this.#spare = this.span * 8 > this.#mask ? 0 : this.#spare + 1;
    this.#from = doneBelow;
    this.#end = Math.max(doneBelow, this.#end);
    if (this.#mask < SLOTS_MIN || this.#spare <= 2 * this.#mask) return;
    this.#spare = 0;
    this.#resize((this.#mask + 1) / 2);
  }

  /** In order of numbers. */
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
