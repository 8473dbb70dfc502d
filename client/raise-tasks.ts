// The requests `raise-epochs` for many ranges, cut so that each fits a task's znode. Each holds whole ranges and names every
// node that reported: one whose report of a range were left out would count as a node that has none of it.

import { LIMITS } from '../common/model/config.ts';
import type { RangeId } from '../common/model/ids.ts';
import type { NodeReport, TaskRequest } from '../common/model/records.ts';

/** Room for the words that the leader writes into the task, and for what is around the request. */
const ROOM_BYTES = 4 * 1024;
const REQUEST_BYTES = LIMITS.taskBytesMax - ROOM_BYTES;

export interface RaiseTask {
  readonly ranges: readonly RangeId[];
  readonly request: Extract<TaskRequest, { kind: 'raise-epochs' }>;
}

/** In the order of `ranges`, as many in each task as fit. One that does not fit by itself is a task all the same. */
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

/** What all replicas of a range take up in a request. */
function bytesByRange(reports: readonly NodeReport[]): ReadonlyMap<RangeId, number> {
  const sizes = new Map<RangeId, number>();
  for (const { replicas } of reports)
    for (const replica of replicas)
      sizes.set(replica.range, (sizes.get(replica.range) ?? 0) + jsonBytes(replica) + 1);
  return sizes;
}

/** A request is ASCII: numbers, fixed words and ids. */
function jsonBytes(value: object): number {
  return JSON.stringify(value).length;
}
