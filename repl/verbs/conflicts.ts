// Conflicts that replicas report: states that the rules exclude, because a disk or ZooKeeper went back to an older state. Only
// the nodes know of them, so the nodes are asked.

import type { Client } from '../../client/api.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { NodeId, RangeId } from '../../common/model/ids.ts';
import type { ReplicaStatus } from '../../common/model/status.ts';
import { listOf } from './verb.ts';

/** For each range: what is wrong, and on which nodes, in words. */
export type Conflicts = ReadonlyMap<RangeId, string>;

/** How long a node may take to answer. It is short, so that nobody waits long for a node that hangs; `status` shows such nodes. */
const ANSWER_MS = 1_000;

/** The conflicts on the live nodes that answer in time. */
export async function reportedConflicts(client: Client): Promise<Conflicts> {
  const views = client.nodes();
  const live = views.filter((view) => view.live !== null).map(({ id }) => id);
  const texts = new Map<RangeId, string>();
  const nodes = new Map<RangeId, readonly NodeId[]>();
  const statuses = await Promise.all(
    live.map(async (id) => ({ id, replicas: await replicasOn(client, id) })),
  );
  for (const { id, replicas } of statuses) {
    for (const { range, conflict } of replicas) {
      if (conflict === null) continue;
      texts.set(range, texts.get(range) ?? conflict);
      nodes.set(range, [...(nodes.get(range) ?? []), id]);
    }
  }
  return new Map(
    [...texts].map(([range, text]) => [range, `${listOf(nodes.get(range) ?? [], views)}: ${text}`]),
  );
}

async function replicasOn(client: Client, node: NodeId): Promise<readonly ReplicaStatus[]> {
  try {
    return (await client.nodeStatus(node, { deadlineMs: ANSWER_MS })).replicas;
  } catch (error) {
    if (!(error instanceof RangekeeperError)) throw error;
    return [];
  }
}
