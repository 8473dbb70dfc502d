// Makes a node's load report, bounded in size, and tells whether it says something new.

import { type Bytes, compareBytes, formatBytes } from '../../common/base/bytes.ts';
import type { RangeId } from '../../common/model/ids.ts';
import { LOAD_LIMITS, type LoadRecord, type RangeLoadRecord } from '../../common/model/load.ts';
import type { SyncTimes } from '../storage/storage.ts';
import { cpuShareOf } from './cost.ts';
import type { LoadRates } from './range-load.ts';

/** A range that the node owns, as it was measured. */
export interface OwnedLoad {
  readonly range: RangeId;
  readonly rates: LoadRates;
  readonly bytes: number | null;
  readonly middleKey: Bytes | null;
  readonly samples: readonly Bytes[];
}

export interface OwnLoad {
  readonly cpu: number | null;
  readonly syncTimes: SyncTimes | null;
  readonly ranges: readonly OwnedLoad[];
}

export function loadRecord({ cpu, syncTimes, ranges }: OwnLoad): LoadRecord {
  const { rangesMax, sampledRangesMax, sampleTextMax } = LOAD_LIMITS;
  const busiestFirst = ranges
    .map((range) => ({ range, cpu: cpuShareOf(range.rates) }))
    .sort((a, b) => b.cpu - a.cpu || a.range.range - b.range.range)
    .slice(0, rangesMax);
  let textLeft = sampleTextMax;
  const records = busiestFirst.map(({ range, cpu: share }, at) => {
    const samples = at < sampledRangesMax && range.samples.length > 0 ? sampled(range.samples) : null;
    if (samples !== null) textLeft -= samples.reduce((sum, key) => sum + formatBytes(key).length, 0);
    return recordOf(range, share, textLeft >= 0 ? samples : null);
  });
  return {
    cpu: cpu === null ? null : rounded(cpu),
    syncP99Ms: syncTimes === null ? null : rounded(syncTimes.p99Ms),
    syncMeanMs: syncTimes === null ? null : rounded(syncTimes.meanMs),
    ranges: records.sort((a, b) => a.range - b.range),
  };
}

function sampled(samples: readonly Bytes[]): readonly Bytes[] {
  return [...samples].sort(compareBytes);
}

function recordOf(
  { range, rates, bytes, middleKey }: OwnedLoad,
  cpu: number,
  samples: readonly Bytes[] | null,
): RangeLoadRecord {
  return {
    ...{ range, reads: rounded(rates.reads), writes: rounded(rates.writes) },
    ...{ bytesIn: rounded(rates.bytesIn), bytesOut: rounded(rates.bytesOut), cpu: rounded(cpu), bytes },
    ...(middleKey === null ? {} : { middleKey }),
    ...(samples === null ? {} : { samples }),
  };
}

/** Three digits: more would only make the report longer. What decays is zero at some time; a millionth of a core is nothing. */
function rounded(value: number): number {
  return value < 1e-6 ? 0 : Number(value.toPrecision(3));
}

/** A change is news if it is more than this part of the former value, and more than the least that counts. */
const NEWS_SHARE = 0.1;
const LEAST = { rate: 5, bytesPerSecond: 50_000, cpu: 0.005, bytes: 64 * 1024, ms: 2 } as const;

/** Whether the leader might decide otherwise. Samples alone are no news. */
export function isNewLoad(before: LoadRecord, now: LoadRecord): boolean {
  if (differs(before.cpu, now.cpu, LEAST.cpu) || differs(before.syncP99Ms, now.syncP99Ms, LEAST.ms))
    return true;
  if (before.ranges.length !== now.ranges.length) return true;
  return now.ranges.some((range, at) => {
    const known = before.ranges[at];
    return known === undefined || known.range !== range.range || isNewRangeLoad(known, range);
  });
}

function isNewRangeLoad(before: RangeLoadRecord, now: RangeLoadRecord): boolean {
  return (
    differs(before.reads, now.reads, LEAST.rate) ||
    differs(before.writes, now.writes, LEAST.rate) ||
    differs(before.bytesIn, now.bytesIn, LEAST.bytesPerSecond) ||
    differs(before.bytesOut, now.bytesOut, LEAST.bytesPerSecond) ||
    differs(before.bytes, now.bytes, LEAST.bytes) ||
    (before.samples === undefined) !== (now.samples === undefined)
  );
}

function differs(before: number | null, now: number | null, least: number): boolean {
  if (before === null || now === null) return before !== now;
  const change = Math.abs(now - before);
  return change > least && change > NEWS_SHARE * before;
}

/** Whether anything is asked of the node: then its samples grow old. */
export function isBusy({ ranges }: LoadRecord): boolean {
  return ranges.some(({ samples }) => samples !== undefined);
}
