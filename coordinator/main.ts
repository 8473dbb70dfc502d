// The process `rangekeeper coordinator`: reads the flags, serves the health pages, and runs a coordinator until it is asked to
// stop.

import { hostname } from 'node:os';
import { realEnv } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import { DEFAULT_SESSION } from '../common/model/config.ts';
import { serveHttp } from '../common/net/http.ts';
import { EXIT } from '../common/process/exit.ts';
import {
  address,
  advertised,
  type Command,
  checkAdvertised,
  integer,
  logLevelFlag,
  type ParsedFlags,
  readFlags,
  sessionFlag,
  text,
  ZK_FLAG,
} from '../common/process/flags.ts';
import { createLogger } from '../common/process/log.ts';
import type { ProcessLife } from '../common/process/main.ts';
import { connectZk } from '../common/zk/zk.ts';
import { checkPlan, DEFAULT_LEADER, type LeaderConfig } from './config.ts';
import { Coordinator } from './coordinator.ts';
import { CoordinatorMetrics } from './metrics.ts';

const HOUR_MS = 3_600_000;

const COMMAND = {
  name: 'rangekeeper coordinator',
  summary:
    'Manages a cluster: makes ranges, promotes owners, replaces lost replicas. Run two or more; one of them leads.',
  flags: {
    zk: ZK_FLAG,
    name: text<string | null>({
      help: 'name of this coordinator, for people; default: the name of this machine',
      fallback: null,
    }),
    listen: address<string>({
      help: 'address at which /livez, /readyz and /metrics are served',
      fallback: '127.0.0.1:0',
    }),
    advertise: advertised<string | null>({
      help: 'the same address as others reach it; default: the one listened on',
      fallback: null,
    }),
    sessionMs: sessionFlag(DEFAULT_SESSION.sessionMs),
    tickMs: integer<number | null>({
      help: "ZooKeeper's tickTime, ms; a new cluster records it, and nodes compute their leases from it",
      min: 1,
      max: 60_000,
      fallback: null,
    }),
    pollMs: integer<number>({
      help: 'plan, and read ZooKeeper again, at least this often, ms',
      min: 100,
      max: HOUR_MS,
      fallback: DEFAULT_LEADER.pollMs,
    }),
    replicationFactor: integer<number>({
      help: 'replicas of each range of the namespace `default`',
      min: 1,
      max: 9,
      fallback: DEFAULT_LEADER.replicationFactor,
    }),
    initialNodes: integer<number | null>({
      help: 'make the first ranges once this many nodes are there; default: the replication factor',
      min: 1,
      max: 256,
      fallback: DEFAULT_LEADER.initialNodes,
    }),
    firstRangesAfterMs: integer<number>({
      help: 'make them on fewer nodes so long after the first node came, ms',
      min: 0,
      max: HOUR_MS,
      fallback: DEFAULT_LEADER.firstRangesAfterMs,
    }),
    replaceAfterMs: integer<number>({
      help: 'replace the replicas of a node that has been dead for so long, ms',
      min: 0,
      max: 24 * HOUR_MS,
      fallback: DEFAULT_LEADER.replaceAfterMs,
    }),
    balanceAfterMs: integer<number>({
      help: 'a node gets nothing for balance until it has been live for so long, ms',
      min: 0,
      max: 24 * HOUR_MS,
      fallback: DEFAULT_LEADER.balanceAfterMs,
    }),
    logLevel: logLevelFlag('info'),
  },
} as const satisfies Command;

type Values = ParsedFlags<typeof COMMAND>['values'];

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { values } = readFlags(COMMAND, argv);
  checkAdvertised(COMMAND, values);
  const name = values.name ?? hostname();
  const logger = createLogger({ name: 'coordinator', level: values.logLevel }).child({ name });
  life.logTo(logger);
  const config = leaderConfig(values);
  let coordinator: Coordinator | null = null;
  const metrics = new CoordinatorMetrics(() => coordinator);
  const listener = await serveHttp(values.listen, metrics.pages);
  logger.info({ address: listener.address }, 'listening');
  const published = values.advertise ?? listener.address;
  const started = makeCoordinator(values, config, { name, address: published }, logger, metrics);
  coordinator = started;
  const running = started.run();
  const stopped = life.stopRequested.then(async (reason) => {
    logger.info({ reason }, 'stopping');
    await started.close();
  });
  // A coordinator that fails ends the process at once. When asked to stop, it closes first.
  await Promise.race([running, stopped]);
  await running;
  await listener.close();
  return EXIT.ok;
}

function makeCoordinator(
  values: Values,
  config: LeaderConfig,
  identity: { name: string; address: string },
  logger: Logger,
  metrics: CoordinatorMetrics,
): Coordinator {
  const zk = connectZk({
    connect: values.zk,
    config: { ...DEFAULT_SESSION, sessionMs: values.sessionMs, pollMs: values.pollMs },
    env: realEnv,
    logger,
  });
  let ready = false;
  return new Coordinator({
    zk,
    env: realEnv,
    logger,
    record: { host: identity.name, pid: process.pid, address: identity.address },
    config,
    tickMs: values.tickMs,
    roleChanged(role) {
      if (!ready && role !== 'connecting') {
        ready = true;
        logger.info({ role, address: identity.address }, 'ready');
      }
    },
    committed: (step) => metrics.count(step),
  });
}

function leaderConfig(values: Values): LeaderConfig {
  const config = {
    ...DEFAULT_LEADER,
    pollMs: values.pollMs,
    replicationFactor: values.replicationFactor,
    initialNodes: values.initialNodes,
    firstRangesAfterMs: values.firstRangesAfterMs,
    replaceAfterMs: values.replaceAfterMs,
    balanceAfterMs: values.balanceAfterMs,
  };
  checkPlan(config);
  return config;
}
