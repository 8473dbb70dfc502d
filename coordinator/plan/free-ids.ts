// Ids that were never used: of namespaces and of ranges.

import { LIMITS } from '../../common/model/config.ts';
import type { ClusterRecord } from '../../common/model/records.ts';
import type { ClusterView } from '../cluster-view.ts';

/** The record with counters above every id in use, whatever `/cluster` holds, because ids are never used twice. */
export function withFreeIds(
  record: ClusterRecord,
  { namespaces, ranges, otherRanges }: ClusterView,
): ClusterRecord {
  const namespaceIds = [...namespaces.values()].map((namespace) => namespace.record.id);
  const descriptors = [...ranges, ...otherRanges].map(({ descriptor }) => descriptor);
  for (const { namespaceId } of descriptors) namespaceIds.push(namespaceId);
  const rangeIds = descriptors.flatMap(({ id, reshape, replacement }) => [
    id,
    ...(reshape?.children ?? []),
    ...(replacement?.children ?? []).map((child) => child.id),
  ]);
  return {
    ...record,
    nextNamespaceId: above(namespaceIds, record.nextNamespaceId, LIMITS.namespaceIdMax),
    nextRangeId: above(rangeIds, record.nextRangeId, LIMITS.rangeIdMax),
  };
}

/** `next`, or the number after the highest id. Ids close to the maximum were written by hand, and do not count. */
function above(ids: readonly number[], next: number, max: number): number {
  return ids.reduce((free, id) => (id < max - LIMITS.idsLeftMin ? Math.max(free, id + 1) : free), next);
}
