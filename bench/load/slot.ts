// One measurement of one contender: its specification and its result. They are plain data, which are sent between the benchmark and
// its programs, and written to the JSON report.

export type Mix = Readonly<Partial<Record<'read' | 'update' | 'insert' | 'scan' | 'modify', number>>>;

export interface SlotSpec {
  /** The shares of the operations; their sum is 1. */
  readonly mix: Mix;
  /** How keys are drawn. */
  readonly draw: 'uniform' | 'zipfian' | 'latest';
  /** Number of concurrent callers; in an open loop the maximum number of operations under way. */
  readonly callers: number;
  /** Open loop: number of operations that arrive per second. Null: closed loop. */
  readonly arrivals: number | null;
  readonly warmUpMs: number;
  readonly ms: number;
  readonly prefix: string;
  /** Number of keys that were loaded under the prefix. */
  readonly keys: number;
  readonly valueBytes: number;
  /** Number of rows of a page; with `pageUpTo` a page has any number of rows up to it, as in YCSB E. */
  readonly pageRows: number;
  readonly pageUpTo: boolean;
  /** See insertedKey. */
  readonly scattered: boolean;
  readonly seed: number;
}

export interface SlotResult {
  /** Number of operations that were answered within the measured time. */
  readonly done: number;
  readonly seconds: number;
  /** Number of rows that were read in pages. */
  readonly rows: number;
  /** One value for each of QUANTILES, ms; in an open loop from the time at which the operation was due. */
  readonly quantiles: readonly number[];
  /** How often each error code occurred. */
  readonly errors: Readonly<Record<string, number>>;
}

export const PUTS: Mix = { update: 1 };
export const GETS: Mix = { read: 1 };
export const SCANS: Mix = { scan: 1 };

export const SLOT: SlotSpec = {
  mix: PUTS,
  draw: 'uniform',
  callers: 64,
  arrivals: null,
  warmUpMs: 300,
  ms: 2_000,
  prefix: 'user',
  keys: 1_000,
  valueBytes: 100,
  pageRows: 100,
  pageUpTo: false,
  scattered: false,
  seed: 1,
};
