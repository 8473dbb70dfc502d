// One run of the REPL: makes the session, runs the commands in the mode that was asked for, and closes the client. Everything
// of the process (streams, signals, how to connect) is passed in, so that tests run the same code.

import type { Readable, Writable } from 'node:stream';
import type { Client } from '../client/api.ts';
import { delay, type Env } from '../common/base/env.ts';
import { EXIT } from '../common/process/exit.ts';
import { describeError, exitCodeOf } from './failures.ts';
import type { OutputFormat } from './format/format.ts';
import { runInteractive } from './interactive.ts';
import { interruptible } from './interruption.ts';
import { StreamScreen } from './screen.ts';
import { runScript, type Step, stepsOfFile, stepsOfStream, stepsOfTexts } from './script.ts';
import type { Session } from './session.ts';
import { SessionClients } from './session-clients.ts';
import { VERBS } from './verbs/verbs.ts';
import { ViewAge } from './view-age.ts';

export interface ReplOptions {
  /** Where the commands come from. */
  readonly mode:
    | { readonly kind: 'texts'; readonly texts: readonly string[] }
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'input' }
    | { readonly kind: 'interactive'; readonly historyPath: string | null };
  readonly namespace: string;
  readonly output: OutputFormat;
  readonly keepGoing: boolean;
}

export interface ReplWorld {
  readonly env: Env;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Aborted when the process is asked to stop. */
  readonly signal: AbortSignal;
  connect(): Promise<Client>;
}

const CLOSE_MS = 2_000;

/** Resolves with the exit code. */
export async function runRepl(options: ReplOptions, world: ReplWorld): Promise<number> {
  const screen = new StreamScreen(world.stdout, world.stderr);
  const viewAge = new ViewAge(world.env.now());
  const clients = new SessionClients(options.namespace, () =>
    world.connect().finally(() => viewAge.confirm(world.env.now())),
  );
  const session: Session = {
    env: world.env,
    screen,
    format: options.output,
    verbs: VERBS,
    viewAge,
    interactive: options.mode.kind === 'interactive',
    pager: null,
    question: null,
    input: options.mode.kind === 'texts' || options.mode.kind === 'file' ? world.stdin : null,
    namespace: () => clients.namespace,
    client: () => clients.current(),
    use: (namespace, signal) => clients.use(namespace, signal),
  };
  try {
    const code = await runMode(session, options, world);
    // The process may be asked to stop because the reader is gone, before a write finds out.
    return screen.isClosed ? EXIT.readerGone : code;
  } catch (error) {
    screen.say(describeError(error));
    return screen.isClosed ? EXIT.readerGone : exitCodeOf(error);
  } finally {
    await closeClients(clients, world.env);
  }
}

async function runMode(session: Session, options: ReplOptions, world: ReplWorld): Promise<number> {
  const { mode } = options;
  const run = (steps: AsyncIterable<Step> | Iterable<Step>) =>
    runScript(session, steps, options.keepGoing, world.signal);
  switch (mode.kind) {
    case 'texts':
      return run(stepsOfTexts(session, mode.texts));
    case 'file':
      return run(stepsOfFile(session, mode.path));
    case 'input':
      return run(stepsOfStream(world.stdin, 'stdin'));
    case 'interactive': {
      const client = await interruptible(world.signal, session.client());
      const live = client.nodes().filter((view) => view.live !== null).length;
      session.screen.say(`connected: ${client.ranges().length} ranges, ${live} nodes live; try help`);
      const terminal = { input: world.stdin, output: world.stderr, signal: world.signal };
      return runInteractive(session, { ...terminal, historyPath: mode.historyPath });
    }
  }
}

/** Waits for the clients to close, but not for long: the answers have been written. */
async function closeClients(clients: SessionClients, env: Env): Promise<void> {
  await Promise.race([clients.close().catch(() => {}), delay(env, CLOSE_MS)]);
}
