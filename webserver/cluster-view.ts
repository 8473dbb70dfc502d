// The state of the cluster in ZooKeeper as one immutable value, and the interface of its source. The real source is
// zk-watch.ts; tests have one in memory.

import type { DescriptorImage } from '../common/model/descriptor.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { LoadRecord } from '../common/model/load.ts';
import type { ClusterRecord, LiveNode, NamespaceRecord, NodeRecord } from '../common/model/records.ts';
import type { CoordinatorRow, EventRow } from './feed.ts';
import type { TaskImage } from './page-tasks.ts';

export interface ClusterView {
  /** Whether ZooKeeper answers. While it does not, the other fields are as last known. */
  readonly zookeeper: boolean;
  /** Since when `zookeeper` has its value, Unix ms; null: as long as this process has looked. */
  readonly zookeeperSince: number | null;
  /** Null if there is no cluster under the root. */
  readonly cluster: ClusterRecord | null;
  readonly namespaces: readonly NamespaceRecord[];
  readonly ranges: readonly DescriptorImage[];
  readonly rangesNotShown: number;
  readonly nodes: readonly NodeRecord[];
  readonly live: readonly LiveNode[];
  readonly coordinators: readonly CoordinatorRow[];
  /** Newest first, at most EVENTS_SHOWN. */
  readonly events: readonly EventRow[];
  readonly tasks: readonly TaskImage[];
  readonly tasksNotRead: number;
  /** What nodes report of their load. */
  readonly loads: ReadonlyMap<NodeId, LoadRecord>;
}

export const emptyView: ClusterView = {
  zookeeper: false,
  zookeeperSince: null,
  cluster: null,
  namespaces: [],
  ranges: [],
  rangesNotShown: 0,
  nodes: [],
  live: [],
  coordinators: [],
  events: [],
  tasks: [],
  tasksNotRead: 0,
  loads: new Map(),
};

export interface ViewSource {
  readonly view: ClusterView;
  /** Calls `listener` after changes of `view`, in a later turn of the event loop; once for several changes. */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}
