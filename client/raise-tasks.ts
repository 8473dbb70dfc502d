// Divides a request `raise-epochs` for many ranges into several, so that each fits in a task's znode. A request holds all
// reports about its ranges, and names every node that reported: a node that is named without a report of a range counts as one
// without a replica.

import { LIMITS } from '../common/model/config.ts';
import type { RangeId } from '../common/model/ids.ts';
import type { NodeReport, TaskRequest } from '../common/model/records.ts';

const REQUEST_BYTES = LIMITS.taskBytesMax - LIMITS.taskAnswerBytesMax;

export interface RaiseTask {
  readonly ranges: readonly RangeId[];
  readonly request: Extract<TaskRequest, { kind: 'raise-epochs' }>;
}

/** In the order of `ranges`, as many in each task as fit. A range that does not fit has a task of its own nevertheless. */
export function raiseTasks(
  ranges: readonly RangeId[],
  reports: readonly NodeReport[],
  force: boolean,
): readonly RaiseTask[] {
  const sizes = bytesByRange(reports);
  const emptyBytes = jsonBytes(requestFor([], reports, force));
  const groups: RangeId[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const range of ranges) {
    const size = sizes.get(range) ?? 0;
    bytes += size;
    if (bytes > REQUEST_BYTES) {
      groups.push([]);
      bytes = emptyBytes + size;
    }
    groups.at(-1)?.push(range);
  }
  return groups.map((group) => ({ ranges: group, request: requestFor(group, reports, force) }));
}

function requestFor(
  ranges: readonly RangeId[],
  reports: readonly NodeReport[],
  force: boolean,
): RaiseTask['request'] {
  const wanted = new Set(ranges);
  const part = reports.map(({ replicas, ...report }) => ({
    ...report,
    replicas: replicas.filter(({ range }) => wanted.has(range)),
  }));
  return { kind: 'raise-epochs', reports: part, force };
}

/** How many bytes the reports about each range take in a request. */
function bytesByRange(reports: readonly NodeReport[]): ReadonlyMap<RangeId, number> {
  const sizes = new Map<RangeId, number>();
  for (const { replicas } of reports)
    for (const replica of replicas)
      sizes.set(replica.range, (sizes.get(replica.range) ?? 0) + jsonBytes(replica) + 1);
  return sizes;
}

/** A request is ASCII (numbers, fixed words and ids), so its length in bytes is that of its text. */
function jsonBytes(value: object): number {
  return JSON.stringify(value).length;
}
