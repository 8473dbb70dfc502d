// What the replicas of ranges report, which only the nodes know: conflicts, and that a range takes no writes. Conflicts are states that
// the rules exclude, because a disk or ZooKeeper went back to an older state.

import type { Client } from '../../client/api.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { ReplicaStatus } from '../../common/model/status.ts';
import { listOf } from './verb.ts';

export interface ReplicaReports {
  /** For each range: what is wrong, and on which nodes, in words. */
  readonly conflicts: ReadonlyMap<RangeId, string>;
  /** Ranges whose owners take no writes. */
  readonly readOnly: ReadonlySet<RangeId>;
}

/** How long a node may take to answer. It is short, so that nobody waits long for a node that hangs; `status` shows such nodes. */
const ANSWER_MS = 1_000;

/** What the live nodes report that answer in time. */
export async function replicaReports(client: Client): Promise<ReplicaReports> {
  const views = client.nodes();
  const live = views.filter((view) => view.live !== null).map(({ id }) => id);
  const texts = new Map<RangeId, string>();
  const nodes = new Map<RangeId, readonly NodeId[]>();
  const readOnly = new Set<RangeId>();
  const statuses = await Promise.all(
    live.map(async (id) => ({ id, replicas: await replicasOn(client, id) })),
  );
  for (const { id, replicas } of statuses) {
    for (const { range, conflict, readOnlySince } of replicas) {
      if (readOnlySince !== null) readOnly.add(range);
      if (conflict === null) continue;
      texts.set(range, texts.get(range) ?? conflict);
      nodes.set(range, [...(nodes.get(range) ?? []), id]);
    }
  }
  const conflicts = [...texts].map(
    ([range, text]) => [range, `${listOf(nodes.get(range) ?? [], views)}: ${text}`] as const,
  );
  return { conflicts: new Map(conflicts), readOnly };
}

async function replicasOn(client: Client, node: NodeId): Promise<readonly ReplicaStatus[]> {
  try {
    return (await client.nodeStatus(node, { deadlineMs: ANSWER_MS })).replicas;
  } catch (error) {
    if (!(error instanceof RangekeeperError)) throw error;
    return [];
  }
}
