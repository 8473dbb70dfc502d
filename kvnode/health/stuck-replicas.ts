// Finds replicas of owned ranges that make no progress although their nodes are live. The node reports them to the leader
// (health-report.ts). If that lasts for long enough by the leader's clock, the leader replaces the replica on another node.

import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { HealthRecord } from '../../common/model/records.ts';

/** A replica without progress for this time is stuck, ms. */
const STUCK_MS = 5_000;

interface LaggingReplica {
  readonly node: NodeId;
  /** It has acknowledged nothing new since. */
  readonly since: number;
}

interface OwnedRange {
  readonly range: RangeId;
  readonly replica: { readonly lagging: Iterable<LaggingReplica> };
}

interface SnapshotProgress {
  /** When the snapshot of the range to that node last progressed; null if none is being sent. */
  progressAt(range: RangeId, node: NodeId): number | null;
}

export function stuckReplicas(
  ranges: Iterable<OwnedRange>,
  isLive: (node: NodeId) => boolean,
  snapshots: SnapshotProgress,
  now: number,
): HealthRecord['stuck'] {
  const stuck: Record<NodeId, RangeId[]> = {};
  for (const { range, replica } of ranges) {
    for (const { node, since } of replica.lagging) {
      const progressAt = Math.max(since, snapshots.progressAt(range, node) ?? since);
      if (!isLive(node) || now - progressAt < STUCK_MS) continue;
      stuck[node] ??= [];
      stuck[node].push(range);
    }
  }
  return stuck;
}
