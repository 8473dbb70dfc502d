// Node processes that live no longer than this one: `rangekeeper dev` and the tests start the real processes so. The
// tie is an IPC channel; the kernel closes it when this process dies, however it dies, and the child's runMain
// (main.ts) notices. A child gets a process group of its own: Ctrl-C in a terminal reaches the parent alone, which
// stops its children in order. Where the child is a guardian (kvnode/guardian), the process that does the work is its
// child in turn; the guardian tells that one's pid over the channel, as it is the one to look at, and to kill.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Env } from '../base/env.ts';
import { TIED_VARIABLE } from './main.ts';

export interface ChildOptions {
  /** JavaScript file and its arguments. */
  readonly argv: readonly string[];
  /** Where stdout goes: a file descriptor, or `pipe`. */
  readonly stdout: number | 'pipe' | 'ignore' | 'inherit';
  readonly stderr: number | 'pipe' | 'ignore' | 'inherit';
  /** Added to this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Options of node itself, before the file. */
  readonly nodeOptions?: readonly string[];
}

export interface Ended {
  /** null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  readonly process: ChildProcess;
  /** Resolves when it has ended; never rejects. */
  readonly ended: Promise<Ended>;
  /** Calls `listener` with the pid of each process that a guardian starts under itself. */
  onWorker(listener: (pid: number) => void): void;
  /** SIGTERM, and after `graceMs` SIGKILL; resolves when it has ended. */
  stop(graceMs: number): Promise<Ended>;
}

/** Starts a node process; throws where the operating system refuses. */
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

/** Tells whoever started this process which process does its work; without a channel nobody asks. */
export function reportWorker(pid: number): void {
  // A parent that is gone is noticed by runMain.
  process.send?.({ worker: pid }, undefined, undefined, () => {});
}

/** Whether a message from a child is what {@link reportWorker} sends. */
export function isWorker(message: unknown): message is { readonly worker: number } {
  return (
    typeof message === 'object' &&
    message !== null &&
    'worker' in message &&
    typeof message.worker === 'number'
  );
}
