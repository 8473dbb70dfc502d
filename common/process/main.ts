// The frame around every process. An entry (kvnode/main.ts, coordinator/main.ts, webserver/main.ts, repl/main.ts,
// bin/dev.ts) exports
//
//   export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
//     const { values } = readFlags(COMMAND, argv);            // may throw ProcessExit: let it pass
//     const logger = createLogger({ name: 'kvnode', level: values.logLevel });
//     const node = await startNode({ ...values, logger });
//     const reason = await life.stopRequested;                // a signal, or the parent or the output's reader is gone
//     await node.close();                                     // orderly: hand over, flush, close the session
//     return EXIT.ok;
//   }
//
// and does not run by itself: bin/rangekeeper.js calls runMain with it. A main that must end early for its own reasons
// races them with life.stopRequested, or throws: ProcessExit ends with its code and message, any other error with one
// line and code 1. A second signal ends at once. What nobody caught (a rejected promise, an exception in a callback, a
// failed assertion) ends at once with code 1 after its stack on stderr: a process with a broken invariant must not go on.
// A ProcessExit thrown there ends at once as well, with its code and message.
//
// A process started with RANGEKEEPER_TIED=1 and an IPC channel (see children.ts) also stops when that channel closes, so
// it does not outlive a parent that was killed with -9.

import { realEnv } from '../base/env.ts';
import { EXIT, ProcessExit } from './exit.ts';

export type StopReason = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'parent gone' | 'reader gone';

export interface ProcessLife {
  /** Resolves once, when the process is asked to stop in order; never rejects. */
  readonly stopRequested: Promise<StopReason>;
}

export type Main = (argv: readonly string[], life: ProcessLife) => Promise<number>;

/** Set by children.ts for a child that must not outlive its parent. */
export const TIED_VARIABLE = 'RANGEKEEPER_TIED';

/** An orphan gets so long for its orderly stop, in ms; nobody is left who would lose patience with it. */
const ORPHAN_GRACE_MS = 5_000;

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Runs `main` as this process: signals, errors, exit code. Does not return before the process ends. */
export async function runMain(name: string, main: Main, argv: readonly string[]): Promise<never> {
  process.on('uncaughtException', (error) => die(name, error));
  process.stderr.on('error', () => {});
  const life = { stopRequested: stopRequests() };
  try {
    await exitWith(await main(argv, life));
  } catch (error) {
    if (!(error instanceof ProcessExit))
      await finish(EXIT.failed, process.stderr, `${name}: ${reasonOf(error)}\n`);
    else {
      const stream = error.code === EXIT.ok ? process.stdout : process.stderr;
      await finish(error.code, stream, `${error.message}\n`);
    }
  }
  process.exit(EXIT.failed);
}

function stopRequests(): Promise<StopReason> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(128 + SIGNAL_NUMBERS[signal]);
        asked = true;
        resolve(signal);
      });
    }
    // A reader that went away (`| head`) ends the process in order, not in a crash.
    process.stdout.on('error', () => resolve('reader gone'));
    if (process.env[TIED_VARIABLE] !== '1') return;
    // The tie is to this process: its own children decide for themselves.
    delete process.env[TIED_VARIABLE];
    const orphaned = (): void => {
      asked = true;
      realEnv.after(ORPHAN_GRACE_MS, () => process.exit(EXIT.failed));
      resolve('parent gone');
    };
    if (process.connected) process.once('disconnect', orphaned);
    else orphaned();
  });
}

/** Ends the process once what was written to stdout and stderr is out: exit() alone cuts a pipe short. */
async function exitWith(code: number): Promise<never> {
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(code);
}

async function finish(code: number, stream: NodeJS.WriteStream, message: string): Promise<never> {
  stream.write(message);
  return exitWith(code);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (!stream.writable) resolve();
    else stream.write('', () => resolve());
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function die(name: string, error: unknown): never {
  const isExpected = error instanceof ProcessExit;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  try {
    process.stderr.write(isExpected ? `${error.message}\n` : `${name}: ${text}\n`);
  } finally {
    process.exit(isExpected ? error.code : EXIT.failed);
  }
}
