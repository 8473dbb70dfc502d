// `rangekeeper kvnode`: the guardian. It starts the node itself as `rangekeeper kvnode-process`, with the same flags.

import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { present } from '../../../common/base/assert.ts';
import { realEnv } from '../../../common/base/env.ts';
import { availableMemory } from '../../../common/process/available-memory.ts';
import { type Child, reportWorker, startChild } from '../../../common/process/children.ts';
import { createLogger } from '../../../common/process/log.ts';
import type { ProcessLife } from '../../../common/process/main.ts';
import { LAUNCH_VARIABLE, readZkSession } from '../../zk/zk-session-file.ts';
import { readNodeFlags } from '../command.ts';
import { MEMORY_BYTES_MIN, memoryBytes, nodeMemory } from '../memory.ts';
import { heapFlags, mallocEnvironment } from '../v8-and-malloc.ts';
import { Guardian } from './guardian.ts';

const PROGRAM = fileURLToPath(new URL('../../../../bin/rangekeeper.cjs', import.meta.url));

export function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { zk, data, name, sessionMs, restart, logLevel, memory } = readNodeFlags(argv);
  const logger = createLogger({ name: 'guardian', level: logLevel }).child({ node: name ?? hostname() });
  life.logTo(logger);
  const bytes = Math.max(MEMORY_BYTES_MIN, memoryBytes(memory, availableMemory()));
  let closing: Promise<typeof import('../../../common/zk/close-session.ts')> | null = null;
  const guardian = new Guardian({
    ...{ env: realEnv, logger, restart, stopRequested: life.stopRequested },
    start: (launch) => {
      const child = startNode(argv, bytes, launch);
      // Loaded after the node has started, because everybody waits for the node. And loaded before it is needed, because the files
      // on disk may be of another version by then.
      closing ??= import('../../../common/zk/close-session.ts');
      return child;
    },
    formerSession: () => readZkSession(data),
    closeSession: async (identity) => {
      const { closeSession } = await present(closing, 'a node was started');
      return closeSession({ connect: zk, identity, sessionMs, env: realEnv, logger });
    },
  });
  return guardian.run();
}

function startNode(argv: readonly string[], memory: number, launch: string): Child {
  const child = startChild(realEnv, {
    nodeOptions: heapFlags(nodeMemory(memory)),
    argv: [PROGRAM, 'kvnode-process', ...argv],
    stdout: 'inherit',
    stderr: 'inherit',
    environment: { ...mallocEnvironment(), [LAUNCH_VARIABLE]: launch },
  });
  reportWorker(child.pid);
  return child;
}
