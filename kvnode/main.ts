// The node process under `rangekeeper kvnode` (guardian/): opens the data directory, waits for the cluster, serves,
// registers; and all that backwards on the way out, so that its ranges are handed over before its session ends.

import { hostname } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { realEnv } from '../common/base/env.ts';
import { DEFAULT_SESSION } from '../common/model/config.ts';
import type { ClusterRecord } from '../common/model/records.ts';
import { EXIT, ProcessExit } from '../common/process/exit.ts';
import { readFlags } from '../common/process/flags.ts';
import { createLogger } from '../common/process/log.ts';
import type { ProcessLife } from '../common/process/main.ts';
import { connectZk } from '../common/zk/zk.ts';
import { COMMAND } from './command.ts';
import { openDataDirectory } from './data-directory.ts';
import { admit, joinCluster } from './membership.ts';
import { type ServingOptions, serveNode } from './serving.ts';
import { LAUNCH_VARIABLE, readSession, SessionFile } from './session-file.ts';
import { CorruptDataError } from './storage/errors.ts';
import { DEFAULT_LIMITS, type StorageLimits } from './storage/open.ts';

const MIB = 1024 * 1024;

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { values } = readFlags(COMMAND, argv);
  // Young garbage is collected by this thread alone. It waits for helpers otherwise, and on a machine whose processors are
  // all at work those get one late: pauses of 2 ms became 40.
  setFlagsFromString('--no-parallel-scavenge');
  const name = values.name ?? hostname();
  const logger = createLogger({ name: 'kvnode', level: values.logLevel }).child({ node: name });
  const storage = await openDataDirectory(values.data, {
    env: realEnv,
    logger,
    limits: logLimits(values.logKeepMb, values.logRetainMb),
  });
  storage.onFailure((error) => endAfter(error, values.data));
  const sessions = new SessionFile(values.data, process.env[LAUNCH_VARIABLE] ?? '', logger);
  // The lock on the directory is held here: whoever had that session is dead.
  const left = await readSession(values.data);
  const membership = { storage, env: realEnv, logger };
  let cluster: ClusterRecord | null = null;
  const zk = connectZk({
    connect: values.zk,
    config: { ...DEFAULT_SESSION, sessionMs: values.sessionMs },
    env: realEnv,
    logger,
    tickMs: () => cluster?.tickMs ?? null,
    former: left?.identity ?? null,
    identified: (identity) => void sessions.write(identity),
    admit: (session) => admit(session, membership),
  });
  cluster = await Promise.race([joinCluster(zk, membership), life.stopRequested.then(() => null)]);
  if (cluster !== null) {
    const { clusterId } = cluster;
    await serve({ ...values, env: realEnv, logger, storage, zk, clusterId, name }, life);
  }
  await zk.close();
  await sessions.remove();
  await storage.close();
  return EXIT.ok;
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

/** Segments, and what waits to be written to the state, are small enough that keeping so little is possible. */
function logLimits(keepMb: number, retainMb: number): Partial<StorageLimits> {
  const keepBytes = keepMb * MIB;
  return {
    keepBytes,
    retainBytes: Math.max(keepBytes, retainMb * MIB),
    segmentBytes: Math.min(DEFAULT_LIMITS.segmentBytes, Math.max(MIB, keepBytes / 4)),
    flushBytes: Math.min(DEFAULT_LIMITS.flushBytes, keepBytes / 4),
  };
}

/** Served until the process is asked to stop. */
async function serve(options: ServingOptions, life: ProcessLife): Promise<void> {
  const { logger } = options;
  const serving = await serveNode(options);
  logger.info({ id: serving.node.id, address: serving.address }, 'ready');
  const reason = await life.stopRequested;
  logger.info({ reason }, 'stopping');
  await serving.close();
}
