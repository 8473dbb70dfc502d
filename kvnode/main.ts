// The node process, which the guardian starts (process/guardian/). It starts its parts in this order, each on top of the ones before:
//
//   1. the port     answers /livez at once, and /readyz with what the process still waits for
//   2. the data     the directory is locked, opened and recovered: it says which node this is, and what it holds
//   3. ZooKeeper    a session, and in it the cluster that a coordinator has made
//   4. the node     serves on the port, then registers in ZooKeeper, so that others find it
//
// It stops them in the reverse order: the ranges are handed over before the session ends, and the port closes last.

import { hostname } from 'node:os';
import { realEnv } from '../common/base/env.ts';
import { DEFAULT_SESSION } from '../common/model/config.ts';
import type { ClusterRecord } from '../common/model/records.ts';
import { AcceptedConnections } from '../common/net/accepted-connections.ts';
import { Metrics } from '../common/net/metrics.ts';
import { serveWs, type WsListener } from '../common/net/ws-transport.ts';
import { availableMemory } from '../common/process/available-memory.ts';
import { EXIT, ProcessExit } from '../common/process/exit.ts';
import { createLogger, type ProcessLogger } from '../common/process/log.ts';
import type { ProcessLife } from '../common/process/main.ts';
import type { Zk } from '../common/zk/store.ts';
import { connectZk } from '../common/zk/zk.ts';
import { type NodeFlags, readNodeFlags } from './process/command.ts';
import { openDataDirectory, replaceDataDirectory } from './process/data-directory.ts';
import {
  MEMORY_BYTES_MIN,
  memoryBytes,
  type NodeMemory,
  nodeMemory,
  withLogRetention,
} from './process/memory.ts';
import { serveNode } from './process/serving.ts';
import { Stage } from './process/stage.ts';
import { collectOnMainThread } from './process/v8-and-malloc.ts';
import { CorruptDataError } from './storage/data-errors.ts';
import { levelWith } from './storage/state/level-engine.ts';
import type { Storage } from './storage/storage.ts';
import { admit } from './zk/cluster-membership.ts';
import { type JoiningDeps, join } from './zk/joining.ts';
import { LAUNCH_VARIABLE, readZkSession, ZkSessionFile } from './zk/zk-session-file.ts';

/** What all steps use. */
interface ProcessContext {
  readonly values: NodeFlags;
  readonly name: string;
  readonly logger: ProcessLogger;
  readonly memory: NodeMemory;
  readonly stage: Stage;
  readonly metrics: Metrics;
  readonly accepted: AcceptedConnections;
  readonly life: ProcessLife;
}

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const context = readContext(argv, life);
  const { values, logger, stage } = context;
  const listener = await openPort(context);
  stage.enter('opening the data directory');
  const joining = await openData(context);
  stage.enter('waiting for ZooKeeper');
  const sessions = new ZkSessionFile(values.data, process.env[LAUNCH_VARIABLE] ?? '', logger);
  const { zk, joined } = await enterCluster(context, joining, sessions);
  const cluster = await Promise.race([joined, life.stopRequested.then(() => null)]);
  if (cluster !== null) {
    const { storage } = joining;
    await serve(context, { listener, storage, zk, clusterId: cluster.clusterId });
  }
  stage.enter('stopping');
  await zk.close();
  await sessions.remove();
  await joining.storage.close();
  await listener.close();
  return EXIT.ok;
}

function readContext(argv: readonly string[], life: ProcessLife): ProcessContext {
  const values = readNodeFlags(argv);
  collectOnMainThread();
  const name = values.name ?? hostname();
  const logger = createLogger({ name: 'kvnode', level: values.logLevel }).child({ node: name });
  life.logTo(logger);
  const memory = readMemory(values.memory, logger);
  const accepted = new AcceptedConnections({
    env: realEnv,
    log: logger,
    channelBytesMax: memory.queuedBytesMax,
    config: { clientsMax: values.clientsMax, queuedBytesMax: memory.parts.outgoing },
  });
  return { values, name, logger, memory, stage: new Stage(), metrics: new Metrics(), accepted, life };
}

function readMemory(given: number | null, logger: ProcessLogger): NodeMemory {
  const bytes = memoryBytes(given, availableMemory());
  const least = MEMORY_BYTES_MIN;
  if (bytes < least)
    logger.warn({ bytes, least }, 'less memory than a node needs: it may be killed under load');
  return nodeMemory(Math.max(least, bytes));
}

/** Step 1. */
async function openPort({ values, logger, stage, metrics, accepted }: ProcessContext): Promise<WsListener> {
  const pages = { livez: () => null, readyz: () => stage.notReadyReason, metrics: () => metrics.text() };
  const listener = await serveWs({
    ...{ listen: values.listen, env: realEnv, pages, accept: null },
    bound: { connectionsMax: accepted.connectionsMax, connectionRefused: () => accepted.connectionRefused() },
  });
  logger.info({ address: listener.address }, 'listening');
  return listener;
}

/** Step 2. */
async function openData({ values, logger, memory, stage }: ProcessContext): Promise<JoiningDeps> {
  const { data } = values;
  const options = {
    env: realEnv,
    logger,
    limits: withLogRetention(memory.storage, values.logKeepMb, values.logRetainMb),
    openState: levelWith(memory.level),
  };
  const watched = (storage: Storage): Storage => {
    storage.onFailure((error) => endProcess(error, data));
    return storage;
  };
  return {
    env: realEnv,
    logger,
    stage,
    storage: watched(await openDataDirectory(data, options)),
    replace: async (storage, reason) => watched(await replaceDataDirectory(data, storage, reason, options)),
  };
}

/**
 * R12: what was acknowledged may not be on disk, or what is on disk may be wrong. So the node must say nothing more. The error is
 * thrown from a microtask of its own, so that no code that waits for the storage can catch it.
 */
function endProcess(error: Error, directory: string): void {
  const text =
    error instanceof CorruptDataError
      ? `${directory} is damaged and will be set aside at the next start: ${error.message}`
      : `${directory} cannot be written to: ${error.message}`;
  queueMicrotask(() => {
    throw new ProcessExit(EXIT.failed, `kvnode: ${text}`);
  });
}

/** Step 3. `joined` resolves when there is a cluster, which may be never. */
async function enterCluster(
  { values, logger }: ProcessContext,
  joining: JoiningDeps,
  sessions: ZkSessionFile,
): Promise<{ zk: Zk; joined: Promise<ClusterRecord> }> {
  // This process holds the lock on the directory, so the process that had the session in the file is dead.
  const former = await readZkSession(values.data);
  let cluster: ClusterRecord | null = null;
  const zk = connectZk({
    connect: values.zk,
    config: { ...DEFAULT_SESSION, sessionMs: values.sessionMs },
    env: realEnv,
    logger,
    tickMs: () => cluster?.tickMs ?? null,
    former: former?.identity ?? null,
    identified: (identity) => void sessions.write(identity),
    admit: (session) => admit(session, joining),
  });
  const joined = join(zk, joining).then((found) => {
    cluster = found;
    return found;
  });
  return { zk, joined };
}

interface NodeResources {
  readonly listener: WsListener;
  readonly storage: Storage;
  readonly zk: Zk;
  readonly clusterId: string;
}

/** Step 4. Resolves when the process was asked to stop and the node has stopped. */
async function serve({ life, ...context }: ProcessContext, resources: NodeResources): Promise<void> {
  const { values, logger, stage } = context;
  const serving = serveNode({ ...values, ...context, ...resources, env: realEnv });
  logger.info({ id: serving.node.id, address: resources.listener.address }, 'ready');
  const reason = await life.stopRequested;
  logger.info({ reason }, 'stopping');
  stage.enter('handing its ranges over');
  await serving.close();
}
