// Starts child processes of Node.js that do not outlive this one, for `rangekeeper dev` and the tests. They are tied to this
// process by an IPC channel: the kernel closes it when this process dies, and the child's runMain (main.ts) notices. Each child has
// its own process group, so that Ctrl-C in a terminal reaches only the parent, which stops its children in order. If the child is a
// guardian (kvnode/process/guardian/guardian.ts), it starts the worker itself, and reports the worker's pid over the channel.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Env } from '../base/env.ts';
import { TIED_VARIABLE } from './main.ts';

export interface ChildOptions {
  /** JavaScript file and its arguments. */
  readonly argv: readonly string[];
  /** Where stdout goes; a number is a file descriptor. */
  readonly stdout: number | 'pipe' | 'ignore' | 'inherit';
  readonly stderr: number | 'pipe' | 'ignore' | 'inherit';
  /** Added to this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Options of node itself, before the file. */
  readonly nodeOptions?: readonly string[];
}

export interface Ended {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  readonly process: ChildProcess;
  /** Resolves when the process has ended. Never rejects. */
  readonly ended: Promise<Ended>;
  /** Calls `listener` with the pid of each process that a guardian starts under itself. */
  onWorker(listener: (pid: number) => void): void;
  /** Sends SIGTERM, and SIGKILL after `graceMs`. Resolves when the process has ended. */
  stop(graceMs: number): Promise<Ended>;
}

/** Starts a process of Node.js. Throws if the operating system refuses. */
export function startChild(env: Env, options: ChildOptions): Child {
  const child = spawn(process.execPath, [...(options.nodeOptions ?? []), ...options.argv], {
    stdio: ['ignore', options.stdout, options.stderr, 'ipc'],
    detached: true,
    env: { ...process.env, ...options.environment, [TIED_VARIABLE]: '1' },
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${process.execPath}`);
  const ended = new Promise<Ended>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return {
    pid,
    process: child,
    ended,
    onWorker(listener) {
      child.on('message', (message) => {
        if (isWorker(message)) listener(message.worker);
      });
    },
    async stop(graceMs) {
      child.kill('SIGTERM');
      const timer = env.after(graceMs, () => child.kill('SIGKILL'));
      const result = await ended;
      timer.cancel();
      return result;
    },
  };
}

/** Reports the pid of the process that does the work to the parent, if there is a channel. */
export function reportWorker(pid: number): void {
  // An error means that the parent is gone, which runMain notices.
  process.send?.({ worker: pid }, undefined, undefined, () => {});
}

/** Whether a message from a child was sent by {@link reportWorker}. */
export function isWorker(message: unknown): message is { readonly worker: number } {
  return (
    typeof message === 'object' &&
    message !== null &&
    'worker' in message &&
    typeof message.worker === 'number'
  );
}
