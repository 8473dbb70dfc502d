// `rangekeeper kvnode`: the guardian, and under it the node itself as `rangekeeper kvnode-process` with the same flags.

import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { present } from '../../../common/base/assert.ts';
import { realEnv } from '../../../common/base/env.ts';
import { availableMemory } from '../../../common/process/available-memory.ts';
import { startChild, tellWorker } from '../../../common/process/children.ts';
import { createLogger } from '../../../common/process/log.ts';
import type { ProcessLife } from '../../../common/process/main.ts';
import { LAUNCH_VARIABLE, readSession } from '../../zk/zk-session-file.ts';
import { readNodeFlags } from '../command.ts';
import { heapFlags, MEMORY_BYTES_LEAST, memoryBytes, nodeMemory } from '../memory.ts';
import { Guardian } from './guardian.ts';

const PROGRAM = fileURLToPath(new URL('../../../../bin/rangekeeper.cjs', import.meta.url));

/**
 * glibc's malloc gives each thread a pool of its own: with a million keys 50 MB of a node's memory lay there, hardly used. One
 * pool is enough for a process with one busy thread; who sets it otherwise is heard.
 */
const MALLOC_POOLS = { MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? '1' };

export function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { zk, data, name, sessionMs, restart, logLevel, memory } = readNodeFlags(argv);
  const logger = createLogger({ name: 'guardian', level: logLevel }).child({ node: name ?? hostname() });
  life.logTo(logger);
  const bytes = memoryBytes(memory, availableMemory());
  let closing: Promise<typeof import('../../../common/zk/close-session.ts')> | null = null;
  const guardian = new Guardian({
    env: realEnv,
    logger,
    restart,
    stopRequested: life.stopRequested,
    start: (launch) => {
      const child = startChild(realEnv, {
        nodeOptions: heapFlags(nodeMemory(Math.max(MEMORY_BYTES_LEAST, bytes))),
        argv: [PROGRAM, 'kvnode-process', ...argv],
        stdout: 'inherit',
        stderr: 'inherit',
        environment: { ...MALLOC_POOLS, [LAUNCH_VARIABLE]: launch },
      });
      tellWorker(child.pid);
      // Not before: the node is what everybody waits for. And not when it is needed: the files may be others by then.
      closing ??= import('../../../common/zk/close-session.ts');
      return child;
    },
    leftSession: () => readSession(data),
    closeSession: async (identity) => {
      const { closeSession } = await present(closing, 'a node was started');
      return closeSession({ connect: zk, identity, sessionMs, env: realEnv, logger });
    },
  });
  return guardian.run();
}
