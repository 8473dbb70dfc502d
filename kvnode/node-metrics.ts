// What a node shows of itself at /metrics.

import type { Metrics } from '../common/net/metrics.ts';
import type { Reception } from '../common/net/reception.ts';
import type { KvNode } from './node.ts';
import type { NodeMemory } from './process/memory.ts';
import type { Storage } from './storage/storage.ts';

export function addNodeMetrics(metrics: Metrics, node: KvNode, storage: Storage, memory: NodeMemory): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    metrics.gauge(`rangekeeper_node_${name}`, help, read);
  };
  gauge('replicas', 'Replicas on this node', () => node.status().replicas.length);
  gauge('owned_ranges', 'Ranges that this node owns', () => {
    return node.status().replicas.filter(({ role }) => role === 'owner').length;
  });
  gauge('read_only_ranges', 'Owned ranges that take no writes for now', () => {
    return node.status().replicas.filter(({ readOnlySince }) => readOnlySince !== null).length;
  });
  gauge('conflicts', 'Replicas that found something that the rules exclude; see status', () => {
    return node.status().replicas.filter(({ conflict }) => conflict !== null).length;
  });
  gauge('lease_ms', 'How long the ownership lease still lasts', () => node.status().leaseMs);
  gauge('memory_bytes', 'Resident memory', () => node.status().memoryBytes);
  gauge('memory_limit_bytes', 'Memory that node and guardian may use (--memory)', () => memory.bytes);
  gauge(
    'disk_unfit',
    'Whether nothing may be owned here, as the disk or the data is in trouble: 1 or 0',
    () => {
      return node.unfit === null ? 0 : 1;
    },
  );
  gauge('unreachable_peers', 'Live nodes that this one has no connection with', () => {
    return node.status().unreachable?.length ?? 0;
  });
  gauge('log_bytes', 'Bytes of log segments on disk', () => storage.stats.logBytes);
  gauge('log_carried_bytes_total', 'Bytes of log written again so that old segments could go', () => {
    return storage.stats.carriedBytes;
  });
  gauge('overlay_bytes', 'Applied and not yet written to the state store', () => storage.stats.overlayBytes);
  gauge('row_cache_bytes', 'Rows by key in memory', () => storage.stats.rowCacheBytes);
  gauge('row_cache_hits_total', 'Reads of the state answered from memory', () => storage.stats.rowCacheHits);
  gauge('row_cache_misses_total', 'Reads of the state answered by the store', () => {
    return storage.stats.rowCacheMisses;
  });
  gauge('leaf_cache_bytes', 'Rows in key order in memory', () => storage.stats.leafCacheBytes);
  gauge('leaf_cache_hits_total', 'Leaves that scans found in memory', () => storage.stats.leafCacheHits);
  gauge('leaf_cache_misses_total', 'Gaps between leaves that scans went on in the store for', () => {
    return storage.stats.leafCacheMisses;
  });
  gauge('check_sound_total', 'Consistency checks of owned ranges that found all replicas equal', () => {
    return node.scrub.stats.sound;
  });
  gauge('check_mismatches_total', 'Consistency checks of owned ranges that found replicas differ', () => {
    return node.scrub.stats.mismatches;
  });
  gauge('check_age_seconds', 'Since when some owned range has not been found sound', () => {
    return node.scrub.oldestSoundMs / 1_000;
  });
  gauge('scrub_rows_total', 'Rows of replicas here that consistency checks have verified', () => {
    return node.scrub.stats.rows;
  });
  gauge('scrub_state_bytes_total', 'Bytes of state store files that were verified', () => {
    return node.scrub.stats.stateBytes;
  });
  gauge('log_syncs_total', 'Syncs of the log', () => storage.stats.syncs);
  gauge('log_entries_total', 'Entries logged', () => storage.stats.entries);
}

/** What comes in from outside, and what is kept from it. */
export function addReceptionMetrics(metrics: Metrics, reception: Reception): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    metrics.gauge(`rangekeeper_node_${name}`, help, read);
  };
  gauge('connections', 'Open connections that this node has accepted', () => reception.connections);
  gauge('clients', 'Of these, of clients', () => reception.clients);
  gauge('queued_reply_bytes', 'Answers that wait for their askers to read', () => reception.queuedBytes);
  gauge('connections_cut_total', 'Connections cut because too many answers waited', () => reception.cut);
  gauge('connections_refused_total', 'Connections refused because there were too many', () => {
    return reception.refused;
  });
}
