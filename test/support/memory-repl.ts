// A program for tests of what only a process has: descriptors, signals and its end. It is the REPL over a MemoryClient that has some
// rows already. Its arguments are the number of rows, the bytes of each value, and commands as with `-e`.

import { realEnv } from '../../common/base/env.ts';
import { runMain } from '../../common/process/main.ts';
import { runRepl } from '../../repl/repl.ts';
import { MemoryClient } from './memory-client.ts';

await runMain(
  'memory-repl',
  async ([rows, valueBytes, ...texts], life) => {
    const stop = new AbortController();
    void life.stopRequested.then(() => stop.abort());
    const client = new MemoryClient();
    for (let i = 0; i < Number(rows); i++)
      await client.put(`k${String(i).padStart(6, '0')}`, 'v'.repeat(Number(valueBytes)));
    return runRepl(
      { mode: { kind: 'texts', texts }, namespace: 'default', output: 'table', keepGoing: false },
      {
        env: realEnv,
        stdin: process.stdin,
        stdout: process.stdout,
        stderr: process.stderr,
        signal: stop.signal,
        connect: async () => client,
      },
    );
  },
  process.argv.slice(2),
);
