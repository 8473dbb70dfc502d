// What the page says about health, from the rows of the feed: the health of the cluster (common/model/health.ts), the copies of a
// range, and how a copy is drawn. The page computes all of it, so it costs nothing in the feed.

import { counted } from '../common/base/words.ts';
import { type Copies, type Health, healthOf, type RangeFacts } from '../common/model/health.ts';
import type { NodeId } from '../common/model/ids.ts';
import { Machines } from '../common/model/machines.ts';
import type { FeedState, NodeRow, RangeRow, ReplicaRow } from './feed.ts';

type Nodes = ReadonlyMap<NodeId, NodeRow>;

/**
 * How a copy is drawn. `gone`: its node is down. `silent`: its node has a session and does not answer. Of the others the owner
 * takes the writes, `in-sync` holds every acknowledged write, and a `learner` is catching up.
 */
export type CopyState = 'owner' | 'in-sync' | 'learner' | 'silent' | 'gone';

export function copyState(range: RangeRow, replica: ReplicaRow, nodes: Nodes): CopyState {
  const node = nodes.get(replica.node);
  if (!node?.alive) return 'gone';
  if (node.silentSince !== null) return 'silent';
  if (replica.node === range.owner && range.condition !== 'no-owner') return 'owner';
  return replica.inSync ? 'in-sync' : 'learner';
}

/** @param desired the replication factor of the range's namespace; undefined: the namespace is not known */
export function copiesOf(range: RangeRow, desired: number | undefined, nodes: Nodes): Copies {
  const healthy = range.replicas.filter(({ node, inSync }) => inSync && answers(nodes.get(node)));
  return {
    nodes: healthy.map(({ node }) => node),
    desired: desired ?? range.replicas.length,
    minInSync: range.minInSync,
  };
}

/** The health of the whole cluster. */
export function pageHealth(feed: FeedState): Health {
  const nodes: Nodes = new Map(feed.nodes.map((row) => [row.id, row]));
  const desired = desiredCopies(feed);
  const machines = new Machines(feed.nodes);
  const health = healthOf({
    ranges: feed.ranges.map((range) =>
      rangeFacts(range, copiesOf(range, desired.get(range.namespace), nodes)),
    ),
    machines,
    replacesOwners: zookeeperServesNodes(feed) && hasLeader(feed),
  });
  const unwatched = feed.overview.rangesNotShown;
  if (unwatched === 0) return health;
  return { ...health, sentences: [...health.sentences, `${counted(unwatched, 'more range')} not watched`] };
}

/** An owner may not have noticed yet that too few copies are left: the next write shows it. */
function rangeFacts(range: RangeRow, copies: Copies): RangeFacts {
  const serves = range.condition === 'serving' && copies.nodes.length >= copies.minInSync;
  const { nodes, desired, minInSync } = copies;
  const takesWrites = range.condition === 'unknown' ? null : serves;
  return { nodes, desired, minInSync, owner: range.owner, takesWrites };
}

/** The replication factor of each namespace. */
export function desiredCopies({ namespaces }: FeedState): ReadonlyMap<string, number> {
  return new Map(namespaces.map(({ name, replicationFactor }) => [name, replicationFactor]));
}

export function answers(node: NodeRow | undefined): boolean {
  return node?.alive === true && node.silentSince === null;
}

export function zookeeperServesNodes({ overview }: FeedState): boolean {
  return overview.zookeeper || overview.leasesRenewed;
}

export function hasLeader({ coordinators }: FeedState): boolean {
  return coordinators.some(({ leader }) => leader);
}
