// R10: the owner's one compare-and-set in flight. The answer `done` settles it. After any other answer, or none, only an image
// with a version higher than the expected one settles it. Until then the same compare-and-set is issued again, and the
// owner counts the union of the in-sync sets before and after it.

import type { Descriptor, DescriptorImage } from '../../common/model/descriptor.ts';
import type { CasOutcome, Intent, Purpose } from './replica-messages.ts';

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

  /** What the node must do now: at first the write; later, until it is settled, a fresh read and the write again. */
  takeIntents(now: number, resendMs: number): readonly Intent[] {
    const { purpose, next, expected } = this;
    const write: Intent = { kind: 'compare-and-set', purpose, next, expected, why: this.#why };
    if (this.#issuedAt === null) {
      this.#issuedAt = now;
      return [write];
    }
    if (!this.#answered || now - this.#issuedAt < resendMs) return [];
    this.#issuedAt = now;
    this.#answered = false;
    return [{ kind: 'read-image' }, write];
  }

  /** Returns whether the write took effect. If not, the outcome is still open. */
  answered(outcome: CasOutcome): boolean {
    this.#answered = true;
    return outcome === 'done';
  }

  /** Whether this image settles the outcome, one way or the other. */
  settledBy(image: DescriptorImage): boolean {
    return image.version > this.expected;
  }
}
