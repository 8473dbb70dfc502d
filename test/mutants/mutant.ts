// One breakage of the product, in one line.

export interface Mutant {
  readonly name: string;
  /** What is broken. */
  readonly rule: string;
  readonly file: string;
  readonly text: string;
  readonly replacement: string;
}
