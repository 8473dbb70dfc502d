// One part of a node beside its raw limit, as micro.ts runs them.

export interface Side {
  /** What it does, in a few words. */
  readonly how: string;
  /** Does some work; gives how many units it was. */
  readonly run: () => number | Promise<number>;
}

export interface Part {
  /** `state, put` */
  readonly name: string;
  /** What of the node is measured: `state`. */
  readonly subject: string;
  readonly variant: string;
  /** Such as `entries/s`. */
  readonly unit: string;
  readonly own: Side;
  readonly raw: Side;
}

export interface Parts {
  readonly parts: readonly Part[];
  readonly close: () => Promise<void>;
}

/** Opens what its parts need; data goes below `directory`. */
export type OpenParts = (directory: string) => Promise<Parts>;
