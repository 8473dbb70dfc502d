// The process `rangekeeper webserver`. It starts without ZooKeeper and without a cluster, too.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '../client/index.ts';
import { realEnv } from '../common/base/env.ts';
import { DEFAULT_SESSION } from '../common/model/config.ts';
import { EXIT, ProcessExit } from '../common/process/exit.ts';
import {
  address,
  type Command,
  list,
  logLevelFlag,
  readFlags,
  sessionFlag,
  text,
  ZK_FLAG,
} from '../common/process/flags.ts';
import { createLogger } from '../common/process/log.ts';
import type { ProcessLife } from '../common/process/main.ts';
import { connectZk } from '../common/zk/zk.ts';
import { startWebserver } from './webserver.ts';
import { ZkWatch } from './zk-watch.ts';

const COMMAND = {
  name: 'rangekeeper webserver',
  summary: 'Serves the web page and the HTTP API of a cluster.',
  flags: {
    zk: ZK_FLAG,
    listen: address<string>({ help: 'address to listen on', fallback: '127.0.0.1:8080' }),
    namespace: text<string>({
      value: 'NAME',
      help: 'namespace that the page opens with',
      fallback: 'default',
    }),
    allowHost: list({
      value: 'NAME,...',
      help: 'host names under which the page may be opened, besides localhost and the listen address',
    }),
    sessionMs: sessionFlag(10_000),
    logLevel: logLevelFlag('info'),
  },
} as const satisfies Command;

/** How long a request waits for its namespace's client to connect. */
const CONNECT_MS = 5_000;

/** The built page, beside this file in dist/. */
const UI_FOLDER = join(import.meta.dirname, 'ui');

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { zk, listen, namespace, allowHost, sessionMs, logLevel } = readFlags(COMMAND, argv).values;
  const logger = createLogger({ name: 'webserver', level: logLevel });
  life.logTo(logger);
  if (!existsSync(join(UI_FOLDER, 'index.html')))
    throw new ProcessExit(EXIT.failed, `${COMMAND.name}: the page is not built (npm run build)`);
  const watch = new ZkWatch(
    connectZk({ connect: zk, config: { ...DEFAULT_SESSION, sessionMs }, env: realEnv, logger }),
    realEnv,
    logger,
  );
  const server = await startWebserver({
    env: realEnv,
    logger,
    source: watch,
    connect: (name) => connect({ zk, namespace: name, connectMs: CONNECT_MS, sessionMs, logger }),
    namespace,
    listen,
    allowHosts: allowHost.flatMap((names) => names.split(',')),
    uiFolder: UI_FOLDER,
  });
  logger.info({ address: server.address }, 'listening');
  const reason = await life.stopRequested;
  logger.info({ reason }, 'stopping');
  await server.close();
  return EXIT.ok;
}
