// Which replicas of owned ranges catch up with nothing although their nodes live. The leader is told, and makes such a replica
// anew elsewhere once that has lasted for long enough by its own clock.

import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { HealthRecord } from '../../common/model/records.ts';

/** A replica is stuck once it has caught up with nothing for so long, ms. */
const STUCK_MS = 5_000;

interface Lagging {
  readonly node: NodeId;
  /** It has acknowledged nothing new since. */
  readonly since: number;
}

interface OwnedRange {
  readonly range: RangeId;
  readonly replica: { readonly lagging: Iterable<Lagging> };
}

interface Snapshots {
  /** When a snapshot of the range last got on, on its way to the node; null: none is. */
  progressAt(range: RangeId, node: NodeId): number | null;
}

export function stuckReplicas(
  ranges: Iterable<OwnedRange>,
  isLive: (node: NodeId) => boolean,
  snapshots: Snapshots,
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
