// What a node shows at /metrics. Names of metrics never change, because users' dashboards rely on them.

import type { AcceptedConnections } from '../common/net/accepted-connections.ts';
import type { Metrics } from '../common/net/metrics.ts';
import type { KvNode } from './node.ts';
import type { NodeMemory } from './process/memory.ts';
import type { Storage } from './storage/storage.ts';

/** Without the prefix `rangekeeper_node_`. */
type Gauge = readonly [name: string, help: string, read: () => number];

export function addNodeMetrics(metrics: Metrics, node: KvNode, storage: Storage, memory: NodeMemory): void {
  addAll(metrics, replicaGauges(node));
  addAll(metrics, nodeGauges(node, memory));
  addAll(metrics, storageGauges(storage));
  addAll(metrics, scrubGauges(node));
}

/** Connections that this node has accepted, and what it has refused. */
export function addConnectionMetrics(metrics: Metrics, accepted: AcceptedConnections): void {
  addAll(metrics, [
    ['connections', 'Open connections that this node has accepted', () => accepted.connections],
    ['clients', 'Open connections of clients', () => accepted.clients],
    ['queued_reply_bytes', 'Replies that wait until the other side reads', () => accepted.queuedBytes],
    ['connections_cut_total', 'Connections closed because too many replies waited', () => accepted.cut],
    ['connections_refused_total', 'Connections refused because of their number', () => accepted.refused],
  ]);
}

function addAll(metrics: Metrics, gauges: readonly Gauge[]): void {
  for (const [name, help, read] of gauges) metrics.gauge(`rangekeeper_node_${name}`, help, read);
}

function replicaGauges(node: KvNode): readonly Gauge[] {
  const count =
    (matches: (replica: ReturnType<KvNode['status']>['replicas'][number]) => boolean) => (): number =>
      node.status().replicas.filter(matches).length;
  return [
    ['replicas', 'Replicas on this node', count(() => true)],
    ['owned_ranges', 'Ranges that this node owns', count(({ role }) => role === 'owner')],
    [
      'read_only_ranges',
      'Owned ranges that refuse writes',
      count(({ readOnlySince }) => readOnlySince !== null),
    ],
    ['conflicts', 'Replicas with a conflict; see status', count(({ conflict }) => conflict !== null)],
  ];
}

function nodeGauges(node: KvNode, memory: NodeMemory): readonly Gauge[] {
  return [
    ['lease_ms', 'Remaining time of the ownership lease', () => node.status().leaseMs],
    ['memory_bytes', 'Resident memory', () => node.status().memoryBytes],
    ['memory_limit_bytes', 'Memory that node and guardian may use (--memory)', () => memory.bytes],
    [
      'disk_unfit',
      'Whether the node is unhealthy and may own nothing, because of its disk or its data: 1 or 0',
      () => (node.unhealthyReason === null ? 0 : 1),
    ],
    [
      'unreachable_peers',
      'Live nodes that this node has no connection with',
      () => node.status().unreachable?.length ?? 0,
    ],
  ];
}

function storageGauges(storage: Storage): readonly Gauge[] {
  return [
    ['log_bytes', 'Bytes of log segments on disk', () => storage.stats.logBytes],
    [
      'log_carried_bytes_total',
      'Bytes written to the log again so that old segments could be deleted',
      () => storage.stats.carriedBytes,
    ],
    [
      'overlay_bytes',
      'Bytes applied and not yet written to the state store',
      () => storage.stats.overlayBytes,
    ],
    ['row_cache_bytes', 'Bytes of rows in the cache by key', () => storage.stats.rowCacheBytes],
    ['row_cache_hits_total', 'Reads answered from the row cache', () => storage.stats.rowCacheHits],
    ['row_cache_misses_total', 'Reads answered from the state store', () => storage.stats.rowCacheMisses],
    ['leaf_cache_bytes', 'Bytes of rows in the cache in key order', () => storage.stats.leafCacheBytes],
    ['leaf_cache_hits_total', 'Leaves that scans found in the cache', () => storage.stats.leafCacheHits],
    [
      'leaf_cache_misses_total',
      'Gaps between cached leaves, which scans read from the state store',
      () => storage.stats.leafCacheMisses,
    ],
    ['log_syncs_total', 'Syncs of the log', () => storage.stats.syncs],
    ['log_entries_total', 'Entries logged', () => storage.stats.entries],
  ];
}

function scrubGauges({ scrub }: KvNode): readonly Gauge[] {
  return [
    [
      'check_sound_total',
      'Consistency checks of owned ranges that found all replicas equal',
      () => scrub.stats.sound,
    ],
    [
      'check_mismatches_total',
      'Consistency checks of owned ranges that found replicas differ',
      () => scrub.stats.mismatches,
    ],
    [
      'check_age_seconds',
      'Time since the owned range that was checked longest ago was found sound',
      () => scrub.oldestSoundMs / 1_000,
    ],
    ['scrub_rows_total', 'Rows that consistency checks have verified here', () => scrub.stats.rows],
    [
      'scrub_state_bytes_total',
      'Bytes of state store files that were verified',
      () => scrub.stats.stateBytes,
    ],
  ];
}
