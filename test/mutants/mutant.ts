// One defect put into the product, in one line.

export interface Mutant {
  readonly name: string;
  /** The rule that the mutant breaks. */
  readonly rule: string;
  readonly file: string;
  readonly text: string;
  readonly replacement: string;
}
