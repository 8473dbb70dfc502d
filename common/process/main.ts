// Runs the main function of every process. An entry (kvnode/main.ts, coordinator/main.ts, webserver/main.ts, repl/main.ts,
// bin/dev.ts) exports
//
//   export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
//     const { values } = readFlags(COMMAND, argv);            // may throw ProcessExit: do not catch it
//     const logger = createLogger({ name: 'kvnode', level: values.logLevel });
//     life.logTo(logger);                                     // the reason of the end is then a line of the log
//     const node = await startNode({ ...values, logger });
//     const reason = await life.stopRequested;                // a signal, or the parent or the reader of stdout is gone
//     await node.close();                                     // orderly: hand over, flush, close the session
//     return EXIT.ok;
//   }
//
// and does not call it: bin/commands.js calls runMain with it. A main that ends early for its own reasons throws, or waits for
// them together with life.stopRequested. ProcessExit ends the process with its code and message, any other error with its message
// and code 1. A second signal ends the process at once. So does an error that nobody caught (a rejected promise, an exception in a
// callback, a failed assertion), with its stack and code 1: a process with a broken invariant must not go on. A ProcessExit that
// nobody caught ends it at once with its own code and message.
//
// The reason goes to stderr: as plain text for a person, or, once the main has called life.logTo, as one line of the log with level
// `fatal`, the exit code and the stack. So all lines of a server's log have one form.
//
// A process that was started with RANGEKEEPER_TIED=1 and an IPC channel (children.ts) also stops when that channel closes. So it
// does not outlive a parent that was killed with SIGKILL.

import { inspect } from 'node:util';
import { realEnv } from '../base/env.ts';
import { EXIT, ProcessExit } from './exit.ts';
import type { ProcessLogger } from './log.ts';
import { visible } from './visible.ts';

export type StopReason = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'parent gone' | 'reader gone';

export interface ProcessLife {
  /** Resolves when the process is asked to stop in order. Never rejects. */
  readonly stopRequested: Promise<StopReason>;
  /** From now on the error that ends the process, and warnings of Node.js itself, are lines of this log. */
  logTo(logger: ProcessLogger): void;
}

export type Main = (argv: readonly string[], life: ProcessLife) => Promise<number>;

/** Set by children.ts for a child that must not outlive its parent. */
export const TIED_VARIABLE = 'RANGEKEEPER_TIED';

/** How long an orphan may take to stop in order, ms. Nobody else would end it. */
const ORPHAN_GRACE_MS = 5_000;

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Runs `main` as this process, with its signals, errors and exit code. Ends the process, and so never returns. */
export async function runMain(name: string, main: Main, argv: readonly string[]): Promise<never> {
  const reporter = new ExitReporter(name);
  process.on('uncaughtException', (error) => endUncaught(reporter, error));
  process.stderr.on('error', () => {});
  const life: ProcessLife = { stopRequested: stopRequests(), logTo: (logger) => reporter.logTo(logger) };
  try {
    await exitWith(await main(argv, life));
  } catch (error) {
    const code = error instanceof ProcessExit ? error.code : EXIT.failed;
    if (code === EXIT.ok) await writeHelp(messageOf(error));
    else reporter.end(error, code);
    await exitWith(code);
  }
  process.exit(EXIT.failed);
}

/** Writes what was asked for instead of a run: the help, or the version. */
async function writeHelp(text: string): Promise<void> {
  // Loaded here only, because a server has no use for it.
  const { messageFor } = await import('./terminal-text.ts');
  process.stdout.write(`${messageFor(process.stdout, text)}\n`);
}

/** Reports why the process ends. */
class ExitReporter {
  readonly #name: string;
  #logger: ProcessLogger | null = null;

  constructor(name: string) {
    this.#name = name;
  }

  logTo(logger: ProcessLogger): void {
    this.#logger = logger;
    // Node.js itself has a listener that prints warnings as text.
    process.removeAllListeners('warning');
    process.on('warning', (warning) => logger.warn({ stack: inspect(warning) }, warning.message));
  }

  /** An error that `main` ended with. */
  end(error: unknown, code: number): void {
    const isExpected = error instanceof ProcessExit;
    const text = isExpected ? error.message : `${this.#name}: ${messageOf(error)}`;
    if (this.#logger === null) process.stderr.write(`${visible(text)}\n`);
    else this.#logger.fatal(isExpected ? { code } : { code, stack: inspect(error) }, text);
  }

  /** An error that nobody caught. */
  uncaught(error: unknown): void {
    const stack = inspect(error);
    if (this.#logger === null) process.stderr.write(`${visible(`${this.#name}: ${stack}`)}\n`);
    else this.#logger.fatal({ code: EXIT.failed, stack }, `${this.#name}: ${messageOf(error)}`);
  }
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
    // A reader that goes away (`| head`) must end the process in order, not in a crash.
    process.stdout.on('error', () => resolve('reader gone'));
    if (process.env[TIED_VARIABLE] !== '1') return;
    // The variable is meant for this process only, not for its children.
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

/**
 * Ends the process once everything written to stdout and stderr is out. With exit() alone, the end of it may be lost in a pipe.
 */
async function exitWith(code: number): Promise<never> {
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(code);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (!stream.writable) resolve();
    else stream.write('', () => resolve());
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function endUncaught(reporter: ExitReporter, error: unknown): never {
  const code = error instanceof ProcessExit ? error.code : EXIT.failed;
  try {
    if (error instanceof ProcessExit) reporter.end(error, code);
    else reporter.uncaught(error);
  } finally {
    process.exit(code);
  }
}
