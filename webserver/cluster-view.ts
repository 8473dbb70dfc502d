// What ZooKeeper says of the cluster, as one immutable value, and where the webserver gets it from. The real source is
// zk-watch.ts; tests have one in memory.

import type { DescriptorImage } from '../common/model/descriptor.ts';
import type { ClusterRecord, LiveNode, NamespaceRecord, NodeRecord } from '../common/model/records.ts';
import type { CoordinatorRow, EventRow } from './feed.ts';

export interface ClusterView {
  /** Whether ZooKeeper answers; while it does not, the rest is what was last known. */
  readonly zookeeper: boolean;
  /** Null while there is no cluster under the root. */
  readonly cluster: ClusterRecord | null;
  readonly namespaces: readonly NamespaceRecord[];
  readonly ranges: readonly DescriptorImage[];
  readonly rangesNotShown: number;
  readonly nodes: readonly NodeRecord[];
  readonly live: readonly LiveNode[];
  readonly coordinators: readonly CoordinatorRow[];
  /** Newest first, at most EVENTS_SHOWN. */
  readonly events: readonly EventRow[];
}

export const emptyView: ClusterView = {
  zookeeper: false,
  cluster: null,
  namespaces: [],
  ranges: [],
  rangesNotShown: 0,
  nodes: [],
  live: [],
  coordinators: [],
  events: [],
};

export interface ViewSource {
  readonly view: ClusterView;
  /** Called after every change of `view`, in a later turn; many changes fold into one call. */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}
