// The node process under `rangekeeper kvnode` (guardian/): opens the data directory, waits for the cluster, serves,
// registers; and all that backwards on the way out, so that its ranges are handed over before its session ends.

import { hostname } from 'node:os';
import { realEnv } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import { DEFAULT_REPLICATION, DEFAULT_SESSION } from '../common/model/config.ts';
import type { ClusterRecord } from '../common/model/records.ts';
import { Channel } from '../common/net/channel.ts';
import { Metrics } from '../common/net/metrics.ts';
import { serveWs, WsTransport } from '../common/net/ws-transport.ts';
import { EXIT, ProcessExit } from '../common/process/exit.ts';
import { readFlags } from '../common/process/flags.ts';
import { createLogger } from '../common/process/log.ts';
import type { ProcessLife } from '../common/process/main.ts';
import { VERSION } from '../common/process/version.ts';
import type { Zk } from '../common/zk/store.ts';
import { connectZk } from '../common/zk/zk.ts';
import { clusterCodec, paths } from '../common/zk/znodes.ts';
import { COMMAND } from './command.ts';
import { openDataDirectory } from './data-directory.ts';
import { KvNode } from './node.ts';
import { Registration } from './registration.ts';
import { LAUNCH_VARIABLE, readSession, SessionFile } from './session-file.ts';
import { DEFAULT_LIMITS, type StorageLimits } from './storage/open.ts';
import type { Storage } from './storage/storage.ts';

const MIB = 1024 * 1024;

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { values } = readFlags(COMMAND, argv);
  const name = values.name ?? hostname();
  const logger = createLogger({ name: 'kvnode', level: values.logLevel }).child({ node: name });
  const storage = await openDataDirectory(values.data, {
    env: realEnv,
    logger,
    limits: logLimits(values.logKeepMb, values.logRetainMb),
  });
  storage.onFailure((error) => {
    // R12: what was acknowledged may not be on the disk; nothing more may be said.
    throw error;
  });
  const sessions = new SessionFile(values.data, process.env[LAUNCH_VARIABLE] ?? '', logger);
  // The lock on the directory is held here: whoever had that session is dead.
  const left = await readSession(values.data);
  let cluster: ClusterRecord | null = null;
  const zk = connectZk({
    connect: values.zk,
    config: { ...DEFAULT_SESSION, sessionMs: values.sessionMs },
    env: realEnv,
    logger,
    tickMs: () => cluster?.tickMs ?? null,
    former: left?.identity ?? null,
    identified: (identity) => void sessions.write(identity),
  });
  cluster = await Promise.race([clusterRecord(zk, logger), life.stopRequested.then(() => null)]);
  if (cluster !== null) {
    await join(storage, cluster);
    await serve(values, name, logger, storage, zk, cluster, life);
  }
  await zk.close();
  await sessions.remove();
  await storage.close();
  return EXIT.ok;
}

/** Segments are small enough that keeping so little is possible. */
function logLimits(keepMb: number, retainMb: number): Partial<StorageLimits> {
  const keepBytes = keepMb * MIB;
  return {
    keepBytes,
    retainBytes: Math.max(keepBytes, retainMb * MIB),
    segmentBytes: Math.min(DEFAULT_LIMITS.segmentBytes, Math.max(MIB, keepBytes / 4)),
  };
}

/** Served until the process is asked to stop. */
async function serve(
  values: {
    readonly listen: string;
    readonly advertise: string | null;
    readonly zone: string;
    readonly capacity: number;
  },
  name: string,
  logger: Logger,
  storage: Storage,
  zk: Zk,
  cluster: ClusterRecord,
  life: ProcessLife,
): Promise<void> {
  const { clusterId } = cluster;
  const transport = new WsTransport(realEnv);
  const config = DEFAULT_REPLICATION;
  const node = new KvNode({
    clusterId,
    version: VERSION,
    env: realEnv,
    logger,
    zk,
    storage,
    transport,
    config,
  });
  const metrics = nodeMetrics(node, storage);
  let ready = false;
  const listener = await serveWs({
    listen: values.listen,
    env: realEnv,
    pages: {
      livez: () => null,
      readyz: () => (ready ? null : 'not registered in ZooKeeper'),
      metrics: () => metrics.text(),
    },
    accept: (connection) =>
      Channel.accept(connection, {
        env: realEnv,
        log: logger,
        self: { clusterId, nodeId: node.id },
        handlers: node.handlers,
      }),
  });
  const registration = new Registration({
    zk,
    env: realEnv,
    logger,
    record: { id: node.id, name, zone: values.zone, capacity: values.capacity, mode: 'active' },
    live: {
      name,
      address: values.advertise ?? listener.address,
      startedAt: realEnv.wallNow(),
      version: VERSION,
    },
    registered: (session) => {
      ready = session !== null;
      node.useSession(session);
    },
  });
  logger.info({ id: node.id, address: listener.address }, 'ready');
  const reason = await life.stopRequested;
  logger.info({ reason }, 'stopping');
  await node.close();
  registration.close();
  await listener.close();
}

/** Waits for the first coordinator to make the cluster. */
function clusterRecord(zk: Zk, logger: Logger): Promise<ClusterRecord> {
  return new Promise((resolve) => {
    let told = false;
    const observer = zk.observeData(paths.cluster, (found) => {
      if (found === null) {
        if (!told) logger.info({}, 'waiting for a coordinator to make the cluster');
        told = true;
        return;
      }
      resolve(clusterCodec.decode(found.data));
      observer.close();
    });
  });
}

/** R9: a data directory that joined one cluster refuses another. */
async function join(storage: Storage, { clusterId }: ClusterRecord): Promise<void> {
  if (storage.clusterId === null) return storage.joinCluster(clusterId);
  if (storage.clusterId !== clusterId) {
    throw new ProcessExit(
      EXIT.failed,
      `kvnode: this data directory belongs to cluster ${storage.clusterId}, ZooKeeper says ${clusterId}`,
    );
  }
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
  gauge('log_bytes', 'Bytes of log segments on disk', () => storage.stats.logBytes);
  gauge('overlay_bytes', 'Applied and not yet written to the state store', () => storage.stats.overlayBytes);
  gauge('log_syncs_total', 'Syncs of the log', () => storage.stats.syncs);
  gauge('log_entries_total', 'Entries logged', () => storage.stats.entries);
  return metrics;
}
