// One part of a node beside its raw limit, as micro.ts runs them.

export interface Side {
  readonly name: string;
  readonly how: string;
  /** Does some work; gives how many units it was. */
  readonly run: () => number | Promise<number>;
}

export interface Part {
  readonly name: string;
  readonly variant: string;
  /** Such as `entries/s`. */
  readonly unit: string;
  /** Ours first, then the raw limit. */
  readonly sides: readonly Side[];
}

export interface Parts {
  readonly parts: readonly Part[];
  readonly close: () => Promise<void>;
}

/** Opens what its parts need; data goes below `directory`. */
export type OpenParts = (directory: string) => Promise<Parts>;
