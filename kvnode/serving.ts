// A node at work: its replicas, the socket that others reach it by, its pages for operators, its place in ZooKeeper; and
// how all that ends in order. What it stands on (storage, ZooKeeper) is opened before and closed after, by others.

import type { Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import { DEFAULT_REPLICATION } from '../common/model/config.ts';
import { Channel } from '../common/net/channel.ts';
import { Metrics } from '../common/net/metrics.ts';
import { serveWs, WsTransport } from '../common/net/ws-transport.ts';
import { VERSION } from '../common/process/version.ts';
import type { Zk } from '../common/zk/store.ts';
import { KvNode } from './node.ts';
import { Registration } from './registration.ts';
import type { Storage } from './storage/storage.ts';

export interface ServingOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly storage: Storage;
  readonly zk: Zk;
  readonly clusterId: string;
  readonly name: string;
  readonly zone: string;
  readonly capacity: number;
  /** host:port; port 0: any free one. */
  readonly listen: string;
  /** What others are told to connect to; null: where it listens. */
  readonly advertise: string | null;
}

export interface ServingNode {
  readonly node: KvNode;
  readonly address: string;
  /** Hands over, withdraws, closes the socket. */
  close(): Promise<void>;
}

export async function serveNode(options: ServingOptions): Promise<ServingNode> {
  const { env, logger, storage, zk, clusterId, name, zone, capacity } = options;
  const transport = new WsTransport(env);
  const config = DEFAULT_REPLICATION;
  const node = new KvNode({ clusterId, version: VERSION, env, logger, zk, storage, transport, config });
  const metrics = nodeMetrics(node, storage);
  let ready = false;
  const listener = await serveWs({
    listen: options.listen,
    env,
    pages: {
      livez: () => null,
      readyz: () => (ready ? null : 'not registered in ZooKeeper'),
      metrics: () => metrics.text(),
    },
    accept: (connection) =>
      Channel.accept(connection, {
        env,
        log: logger,
        self: { clusterId, nodeId: node.id },
        handlers: node.handlers,
        turnEnd: node.turnEnd,
      }),
  });
  const address = options.advertise ?? listener.address;
  const registration = new Registration({
    zk,
    env,
    logger,
    record: { id: node.id, name, zone, capacity, mode: 'active' },
    live: { name, address, startedAt: env.wallNow(), version: VERSION },
    registered: (session) => {
      ready = session !== null;
      node.useSession(session);
    },
  });
  return {
    node,
    address: listener.address,
    async close() {
      await node.close();
      registration.close();
      await listener.close();
    },
  };
}

function nodeMetrics(node: KvNode, storage: Storage): Metrics {
  const metrics = new Metrics();
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
  gauge('lease_ms', 'How long the ownership lease still lasts', () => node.status().leaseMs);
  gauge('memory_bytes', 'Resident memory', () => node.status().memoryBytes);
  gauge('disk_unfit', 'Whether the disk stalls or is full, or was so just now: 1 or 0', () => {
    return node.diskFit ? 0 : 1;
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
  gauge('log_syncs_total', 'Syncs of the log', () => storage.stats.syncs);
  gauge('log_entries_total', 'Entries logged', () => storage.stats.entries);
  return metrics;
}
