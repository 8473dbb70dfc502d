// R10: the owner's one compare-and-set in flight. Its outcome is settled by the answer, or, when that is lost or says
// no, only by an image of the descriptor with a higher version than the one expected; until then the same one is issued
// again, and the caller counts the union of before and after.

import type { Descriptor, DescriptorImage } from '../../common/model/descriptor.ts';
import type { Intent, Purpose } from './replica-messages.ts';

export type CasOutcome = 'done' | 'refused' | 'unknown';

export class DescriptorChange {
  readonly purpose: Purpose;
  readonly next: Descriptor;
  /** The version of the image that `next` was made from. */
  readonly expected: number;
  readonly #why: string;
  #issuedAt: number | null = null;
  #answered = false;

  constructor(purpose: Purpose, from: DescriptorImage, next: Descriptor, why: string) {
    this.purpose = purpose;
    this.next = next;
    this.expected = from.version;
    this.#why = why;
  }

  /** What to ask of the node now: the write itself at first, then again with a fresh read until it is settled. */
  due(now: number, againAfterMs: number): readonly Intent[] {
    const { purpose, next, expected } = this;
    const write: Intent = { kind: 'compare-and-set', purpose, next, expected, why: this.#why };
    if (this.#issuedAt === null) {
      this.#issuedAt = now;
      return [write];
    }
    if (!this.#answered || now - this.#issuedAt < againAfterMs) return [];
    this.#issuedAt = now;
    this.#answered = false;
    return [{ kind: 'read-image' }, write];
  }

  /** Any answer but `done` settles nothing; the image does. True: the write took effect. */
  answered(outcome: CasOutcome): boolean {
    this.#answered = true;
    return outcome === 'done';
  }

  /** Whether this image settles the outcome, one way or the other. */
  settledBy(image: DescriptorImage): boolean {
    return image.version > this.expected;
  }
}
