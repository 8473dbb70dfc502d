// The node process under `rangekeeper kvnode` (guardian/). What is started in which order, each on top of what came before:
//
//   1. the port     answers /livez at once, and /readyz with what the process still waits for
//   2. the data     opened, locked, read back: who this node is, and what it holds
//   3. ZooKeeper    a session, and in it the cluster that a coordinator has made
//   4. the node     serves on the port, then registers in ZooKeeper, so that others learn of it
//
// and all that backwards on the way out: its ranges are handed over before its session ends, and the port closes last.

import { hostname } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { realEnv } from '../common/base/env.ts';
import { DEFAULT_SESSION } from '../common/model/config.ts';
import type { ClusterRecord } from '../common/model/records.ts';
import { Metrics } from '../common/net/metrics.ts';
import { Reception } from '../common/net/reception.ts';
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
  keepingLog,
  MEMORY_BYTES_LEAST,
  memoryBytes,
  type NodeMemory,
  nodeMemory,
} from './process/memory.ts';
import { serveNode } from './process/serving.ts';
import { Stage } from './process/stage.ts';
import { CorruptDataError } from './storage/errors.ts';
import { levelWith } from './storage/state/level-engine.ts';
import type { Storage } from './storage/storage.ts';
import { admit } from './zk/cluster-membership.ts';
import { type JoiningDeps, join } from './zk/joining.ts';
import { LAUNCH_VARIABLE, readSession, SessionFile } from './zk/zk-session-file.ts';

/** What all steps share. */
interface Setting {
  readonly values: NodeFlags;
  readonly name: string;
  readonly logger: ProcessLogger;
  readonly memory: NodeMemory;
  readonly stage: Stage;
  readonly metrics: Metrics;
  readonly reception: Reception;
  readonly life: ProcessLife;
}

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const setting = readSetting(argv, life);
  const { values, logger, stage } = setting;
  const listener = await openPort(setting);
  stage.enter('opening the data directory');
  const joining = await openData(setting);
  stage.enter('waiting for ZooKeeper');
  const sessions = new SessionFile(values.data, process.env[LAUNCH_VARIABLE] ?? '', logger);
  const { zk, joined } = await enterCluster(setting, joining, sessions);
  const cluster = await Promise.race([joined, life.stopRequested.then(() => null)]);
  if (cluster !== null) {
    const { storage } = joining;
    await serve(setting, { listener, storage, zk, clusterId: cluster.clusterId });
  }
  stage.enter('stopping');
  await zk.close();
  await sessions.remove();
  await joining.storage.close();
  await listener.close();
  return EXIT.ok;
}

function readSetting(argv: readonly string[], life: ProcessLife): Setting {
  const values = readNodeFlags(argv);
  // Young garbage is collected by this thread alone. It waits for helpers otherwise, and on a machine whose processors are
  // all at work those get one late: pauses of 2 ms became 40.
  setFlagsFromString('--no-parallel-scavenge');
  const name = values.name ?? hostname();
  const logger = createLogger({ name: 'kvnode', level: values.logLevel }).child({ node: name });
  life.logTo(logger);
  const memory = readMemory(values.memory, logger);
  const reception = new Reception({
    env: realEnv,
    log: logger,
    channelBytesMax: memory.queuedBytesMax,
    config: { clientsMax: values.clientsMax, queuedBytesMax: memory.parts.outgoing },
  });
  return { values, name, logger, memory, stage: new Stage(), metrics: new Metrics(), reception, life };
}

function readMemory(given: number | null, logger: ProcessLogger): NodeMemory {
  const bytes = memoryBytes(given, availableMemory());
  const least = MEMORY_BYTES_LEAST;
  if (bytes < least)
    logger.warn({ bytes, least }, 'less memory than a node needs: it may be killed under load');
  return nodeMemory(Math.max(least, bytes));
}

/** 1. */
async function openPort({ values, logger, stage, metrics, reception }: Setting): Promise<WsListener> {
  const pages = { livez: () => null, readyz: () => stage.missing, metrics: () => metrics.text() };
  const listener = await serveWs({
    ...{ listen: values.listen, env: realEnv, pages, accept: null },
    bound: { connectionsMax: reception.connectionsMax, turnedAway: () => reception.turnedAway() },
  });
  logger.info({ address: listener.address }, 'listening');
  return listener;
}

/** 2. */
async function openData({ values, logger, memory, stage }: Setting): Promise<JoiningDeps> {
  const { data } = values;
  const opening = {
    env: realEnv,
    logger,
    limits: keepingLog(memory.storage, values.logKeepMb, values.logRetainMb),
    openState: levelWith(memory.level),
  };
  const watched = (storage: Storage): Storage => {
    storage.onFailure((error) => endAfter(error, data));
    return storage;
  };
  return {
    env: realEnv,
    logger,
    stage,
    storage: watched(await openDataDirectory(data, opening)),
    replace: async (storage, reason) => watched(await replaceDataDirectory(data, storage, reason, opening)),
  };
}

/**
 * R12: what was acknowledged may not be on the disk, or what is there may be wrong; nothing more may be said. Thrown on its own,
 * so that nobody who waits for the storage can catch it.
 */
function endAfter(error: Error, directory: string): void {
  const text =
    error instanceof CorruptDataError
      ? `${directory} is damaged and will be set aside at the next start: ${error.message}`
      : `${directory} cannot be written to: ${error.message}`;
  queueMicrotask(() => {
    throw new ProcessExit(EXIT.failed, `kvnode: ${text}`);
  });
}

/** 3. `joined` resolves when there is a cluster, which may be never. */
async function enterCluster(
  { values, logger }: Setting,
  joining: JoiningDeps,
  sessions: SessionFile,
): Promise<{ zk: Zk; joined: Promise<ClusterRecord> }> {
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
    admit: (session) => admit(session, joining),
  });
  const joined = join(zk, joining).then((found) => {
    cluster = found;
    return found;
  });
  return { zk, joined };
}

interface Ground {
  readonly listener: WsListener;
  readonly storage: Storage;
  readonly zk: Zk;
  readonly clusterId: string;
}

/** 4. Until the process is asked to stop. */
async function serve({ life, ...setting }: Setting, ground: Ground): Promise<void> {
  const { values, logger, stage } = setting;
  const serving = serveNode({ ...values, ...setting, ...ground, env: realEnv });
  logger.info({ id: serving.node.id, address: ground.listener.address }, 'ready');
  const reason = await life.stopRequested;
  logger.info({ reason }, 'stopping');
  stage.enter('handing its ranges over');
  await serving.close();
}
