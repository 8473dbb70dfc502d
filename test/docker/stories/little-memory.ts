// Nodes in containers with 256 MB import 200,000 rows and export them again. The kernel kills none of them, and none restarts.

import { Readable } from 'node:stream';
import { type Deployment, eventually, must, NODES, REPL, say, UP_MS_MAX } from '../deployment.ts';

const LIMIT = '256m';
const ROWS = 200_000;
const VALUE_BYTES = 500;

export async function littleMemory(deployment: Deployment): Promise<void> {
  const small = deployment.with({ RANGEKEEPER_NODE_MEM_LIMIT: LIMIT });
  say(`starting the nodes again with ${LIMIT} each`);
  await small.compose.do('up', '-d');
  await eventually('a write', UP_MS_MAX, () => small.answer('put first 2'));
  for (const node of NODES) await small.inSyncAgain('first', node);
  const repl = ['exec', '-T', 'webserver', ...REPL];
  await small.compose.feed(Readable.from(rows()), ...repl, '-e', 'import -');
  say(`imported ${ROWS} rows of ${VALUE_BYTES} bytes`);
  for (let turn = 0; turn < 2; turn++) await small.compose.feed(Readable.from([]), ...repl, '-e', 'export -');
  say('exported them twice');
  for (const node of NODES) await survived(small, node);
  const counted = await small.answer('count --prefix memory/');
  must(Number(counted?.count) === ROWS, `all ${ROWS} rows are there, not ${counted?.count}`);
}

function* rows(): Generator<string> {
  const value = 'x'.repeat(VALUE_BYTES);
  for (let i = 0; i < ROWS; i++)
    yield `${JSON.stringify({ key: `memory/${String(i).padStart(7, '0')}`, value: `${i}${value}` })}\n`;
}

async function survived(deployment: Deployment, node: string): Promise<void> {
  const state = await deployment.inspect(
    node,
    '{{.HostConfig.Memory}} {{.State.OOMKilled}} {{.RestartCount}}',
  );
  const peak = await deployment.compose.try('exec', '-T', node, 'cat', ...PEAK_FILES);
  say(
    `${node}: limit, killed for memory, restarts: ${state}; highest memory use by the kernel: ${peak.stdout.trim()} bytes`,
  );
  must(/^268435456 false 0$/.test(state), `${node} runs within its memory limit`);
}

/** The peak memory use in control groups of version 2 and of version 1; one of these files exists. */
const PEAK_FILES = ['/sys/fs/cgroup/memory.peak', '/sys/fs/cgroup/memory/memory.max_usage_in_bytes'];
