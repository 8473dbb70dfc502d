// One measurement of one contender: what to do, and what came of it. Plain data: it travels between the benchmark and
// its programs, and into the JSON report.

export type Mix = Readonly<Partial<Record<'read' | 'update' | 'insert' | 'scan' | 'modify', number>>>;

export interface SlotSpec {
  /** Shares of operations, in sum 1. */
  readonly mix: Mix;
  /** How keys are drawn. */
  readonly draw: 'uniform' | 'zipfian' | 'latest';
  /** Concurrent callers; in an open loop the most operations that are under way. */
  readonly callers: number;
  /** Operations arriving each second, at times set beforehand; null: each caller goes on when it is answered. */
  readonly arrivals: number | null;
  readonly warmUpMs: number;
  readonly ms: number;
  readonly prefix: string;
  /** Keys that were loaded under the prefix. */
  readonly keys: number;
  readonly valueBytes: number;
  /** Rows of a page; `upTo`: a page has any number of rows up to it, as in YCSB E. */
  readonly pageRows: number;
  readonly pageUpTo: boolean;
  readonly seed: number;
}

export interface SlotResult {
  /** Operations answered within the measured time. */
  readonly done: number;
  readonly seconds: number;
  /** Read in pages. */
  readonly rows: number;
  /** One value for each of QUANTILES, ms; in an open loop from the time at which the operation was due. */
  readonly quantiles: readonly number[];
  /** How often each error code came. */
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
  seed: 1,
};
