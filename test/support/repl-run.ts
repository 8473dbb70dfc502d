// Runs the REPL inside this process over a MemoryClient. A test gives the input and gets the complete output.

import { PassThrough } from 'node:stream';
import type { Client } from '../../client/api.ts';
import { type Env, realEnv } from '../../common/base/env.ts';
import { type ReplOptions, runRepl } from '../../repl/repl.ts';
import type { Screen } from '../../repl/screen.ts';
import type { MemoryClient } from './memory-client.ts';

export interface ReplRun {
  readonly code: number;
  readonly out: string;
  readonly outBytes: Buffer;
  readonly err: string;
}

export interface RunSettings extends Partial<Omit<ReplOptions, 'mode' | 'namespace'>> {
  readonly mode?: ReplOptions['mode'];
  readonly stdin?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Width of the terminal; absent: stdout is no terminal. */
  readonly columns?: number;
  /** Width of the terminal that shows stderr; absent or undefined: it is no terminal. */
  readonly errColumns?: number | undefined;
  readonly connect?: () => Promise<Client>;
  /** Absent: the real one. */
  readonly env?: Env;
}

export async function gather(stream: PassThrough): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Shows nothing. */
export const silentScreen: Screen = {
  ...{ width: null, height: 24, say: () => {}, status: () => {} },
  ...{ write: async () => {}, writeExactly: async () => {}, flush: async () => {} },
};

/** Runs each of `texts` as with `-e`, unless the settings name another mode. */
export async function runTexts(
  client: MemoryClient,
  texts: readonly string[],
  settings: RunSettings = {},
): Promise<ReplRun> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const gathered = Promise.all([gather(stdout), gather(stderr)]);
  stdin.end(settings.stdin ?? '');
  if (settings.columns !== undefined) Object.assign(stdout, { isTTY: true, columns: settings.columns });
  if (settings.errColumns !== undefined) Object.assign(stderr, { isTTY: true, columns: settings.errColumns });
  const code = await runRepl(
    {
      mode: settings.mode ?? { kind: 'texts', texts },
      namespace: 'default',
      output: settings.output ?? 'table',
      keepGoing: settings.keepGoing ?? false,
    },
    {
      env: settings.env ?? realEnv,
      stdin,
      stdout,
      stderr,
      signal: settings.signal ?? new AbortController().signal,
      connect: settings.connect ?? (async () => client),
    },
  );
  stdout.end();
  stderr.end();
  const [out, err] = await gathered;
  return { code, out: out.toString(), outBytes: out, err: err.toString() };
}

/** Resolves in the next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => realEnv.soon(resolve));
}
