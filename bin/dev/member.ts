// One process of the cluster that `rangekeeper dev` runs. It is started, watched, and restarted a while after it dies. People kill
// owners here on purpose, to see what the others do; the pause is long enough to watch that.

import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Env, Timer } from '../../common/base/env.ts';
import { type Child, type Ended, startChild } from '../../common/process/children.ts';

/** What a guardian adds to the number of the signal that ended its node, for its own exit code. */
const SIGNAL_CODE = 128;

export interface MemberOptions {
  readonly env: Env;
  readonly name: string;
  /** A JavaScript file and its arguments. */
  readonly argv: readonly string[];
  /** Whether the process is a guardian, which reports the pid of the process that does the work (children.ts). */
  readonly guarded?: boolean;
  /** The file for its stdout and stderr. */
  readonly logFile: string;
  /** How long after its end it is restarted, ms; null: never. */
  readonly restartMs: number | null;
  /** Prints a line for people: the process died, or runs again. */
  readonly say: (line: string) => void;
  /** Called when its pid has changed. */
  readonly changed: () => void;
}

type State =
  | { readonly kind: 'running'; readonly child: Child; pid: number | null }
  | { readonly kind: 'pausing'; readonly timer: Timer }
  | { readonly kind: 'down' }
  | { readonly kind: 'stopped' };

export class Member {
  readonly name: string;
  readonly logFile: string;
  /** Rejects if the process ends before {@link markStarted} is called. Never resolves. */
  readonly failed: Promise<never>;
  readonly #options: MemberOptions;
  #state: State;
  #restarted = false;
  #fail: ((error: Error) => void) | null = null;

  constructor(options: MemberOptions) {
    this.name = options.name;
    this.logFile = options.logFile;
    this.#options = options;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Prevents an unhandled rejection if nobody waits for it.
    this.failed.catch(() => {});
    this.#state = this.#run();
  }

  /** The pid of the process that does the work; null while there is none. */
  get pid(): number | null {
    return this.#state.kind === 'running' ? this.#state.pid : null;
  }

  /** The cluster is up. From now on the end of the process is an experiment, not a failure to start. */
  markStarted(): void {
    this.#fail = null;
  }

  /** Sends SIGTERM, and SIGKILL after `graceMs`. Resolves when the process has ended. */
  async stop(graceMs: number): Promise<void> {
    const state = this.#state;
    this.#state = { kind: 'stopped' };
    if (state.kind === 'pausing') state.timer.cancel();
    if (state.kind === 'running') await state.child.stop(graceMs);
  }

  #run(): State & { readonly kind: 'running' } {
    const log = openSync(this.logFile, 'a');
    try {
      const { env, argv, guarded = false } = this.#options;
      const child = startChild(env, { argv, stdout: log, stderr: log });
      void child.ended.then((ended) => this.#ended(child, ended));
      if (guarded) child.onWorker((pid) => this.#worker(child, pid));
      return { kind: 'running', child, pid: guarded ? null : child.pid };
    } finally {
      closeSync(log);
    }
  }

  #worker(child: Child, pid: number): void {
    if (this.#state.kind !== 'running' || this.#state.child !== child) return;
    this.#state.pid = pid;
    if (this.#restarted) this.#options.say(`${this.name} runs again, pid ${pid}`);
    this.#options.changed();
  }

  #ended(child: Child, ended: Ended): void {
    if (this.#state.kind !== 'running' || this.#state.child !== child) return;
    const pid = this.#state.pid ?? child.pid;
    const how = howItEnded(ended);
    if (this.#fail !== null) {
      this.#state = { kind: 'down' };
      this.#fail(new Error(`${this.name} ${how} while starting: ${this.#lastMessage()}`));
      return;
    }
    this.#pause(`${this.name} (pid ${pid}) ${how}${isFault(ended) ? `: ${this.#lastMessage()}` : ''}`);
    this.#options.changed();
  }

  /** It does not run. @param why for people */
  #pause(why: string): void {
    const { env, restartMs, say } = this.#options;
    if (restartMs === null) {
      this.#state = { kind: 'down' };
      say(`${why}; it stays down`);
    } else {
      this.#state = { kind: 'pausing', timer: env.after(restartMs, () => this.#again()) };
      say(`${why}; it is started again in ${restartMs / 1000} s`);
    }
  }

  #again(): void {
    this.#restarted = true;
    try {
      const state = this.#run();
      this.#state = state;
      if (state.pid !== null) this.#worker(state.child, state.pid);
    } catch (error) {
      this.#pause(`${this.name} cannot be started: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** The last line of its output, or its message if that is a line of the log. */
  #lastMessage(): string {
    const log = existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
    const line = log.trimEnd().split('\n').at(-1) ?? '';
    const message = /"msg":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line;
    return message === '' ? `it wrote nothing, see ${this.logFile}` : message;
  }
}

/** It ended by itself, so its last message says why. */
function isFault({ code }: Ended): boolean {
  return code !== null && code !== 0 && code <= SIGNAL_CODE;
}

/** As in a shell, the exit code of a guardian shows which signal ended the process that it guards. */
function howItEnded({ code, signal }: Ended): string {
  const signals = Object.entries(constants.signals);
  const name = signal ?? signals.find(([, number]) => code === SIGNAL_CODE + number)?.[0];
  return name === undefined ? `ended with code ${code}` : `was ended by ${name}`;
}
