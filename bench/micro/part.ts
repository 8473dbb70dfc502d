// A part of a node and its raw limit, which micro.ts compares.

export interface Side {
  /** A short description of what it does. */
  readonly how: string;
  /** Does some work and returns the number of units. */
  readonly run: () => number | Promise<number>;
}

export interface Part {
  /** `state, put` */
  readonly name: string;
  /** The part of the node that is measured, for example `state`. */
  readonly subject: string;
  readonly variant: string;
  /** For example `entries/s`. */
  readonly unit: string;
  readonly own: Side;
  readonly raw: Side;
}

export interface Parts {
  readonly parts: readonly Part[];
  readonly close: () => Promise<void>;
}

/** Opens what its parts need, with data below `directory`. */
export type OpenParts = (directory: string) => Promise<Parts>;
