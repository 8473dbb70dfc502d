// The webserver as a process of its own, for tests of its page while the webserver or the cluster fails.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { TestProcess } from './processes.ts';

/** Starts `rangekeeper webserver`, on a free port unless a flag says otherwise, and ends it with the test. */
export async function startWebserver(
  t: ExecutionContext,
  zk: string,
  flags: readonly string[] = [],
): Promise<{ address: string; process: TestProcess }> {
  const folder = await mkdtemp(join(tmpdir(), 'rangekeeper-web-'));
  const process = TestProcess.start(
    ['webserver', '--zk', zk, '--listen', '127.0.0.1:0', ...flags],
    join(folder, 'webserver.log'),
  );
  t.teardown(async () => {
    await process.end('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  const { address } = await process.logged('listening');
  return { address: String(address), process };
}
