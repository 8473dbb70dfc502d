// One line of the product, and what it is broken to.

export interface Mutant {
  readonly name: string;
  /** What is broken. */
  readonly rule: string;
  readonly file: string;
  readonly text: string;
  readonly replacement: string;
}
