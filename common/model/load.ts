// What a node reports about its load: how busy it is, and what is asked of the ranges that it owns. The leader splits, merges and moves by it.

import type { Bytes } from '../base/bytes.ts';
import type { RangeId } from './ids.ts';

export const LOAD_LIMITS = {
  /** Sampled keys of a range. */
  samplesMax: 32,
  /** Longer keys are cut off. So a sample of this length may be no key, but it is a bound. */
  sampleBytesMax: 256,
  /** Ranges with samples: the busiest. */
  sampledRangesMax: 64,
  /** Characters of all samples in one report, in text form. */
  sampleTextMax: 128 * 1024,
  /** Ranges in one report: if there are more, the idlest are left out. */
  rangesMax: 4_000,
} as const;

/** A range that the node owns. Rates are a second, means of about the last ten. */
export interface RangeLoadRecord {
  readonly range: RangeId;
  readonly reads: number;
  readonly writes: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** The part of one core that the range takes, about. */
  readonly cpu: number;
  /** Of keys and values, about. Null: not known yet. */
  readonly bytes: number | null;
  /** A key in the range that halves its bytes, about. Absent: it is not known, or there is none. */
  readonly middleKey?: Bytes;
  /** Keys that were asked for lately, in order, as often as they were sampled. Absent: other ranges are busier. */
  readonly samples?: readonly Bytes[];
}

/** `/loads/<id>` */
export interface LoadRecord {
  /** The part of one core that the process takes; null: not known. */
  readonly cpu: number | null;
  /** How long the log takes to be synced, the 99th percentile of the last ten seconds, ms. Null: nothing was synced. */
  readonly syncP99Ms: number | null;
  readonly syncMeanMs: number | null;
  /** By id. */
  readonly ranges: readonly RangeLoadRecord[];
}
