// Rangekeeper processes for tests. They are started as a user would start them, their log lines show when they are ready, and
// all of them are ended, by pid, when the test ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { delay, realEnv } from '../../common/base/env.ts';
import { systemCode } from '../../common/base/system-error.ts';
import { isWorker } from '../../common/process/children.ts';

const PROGRAM = fileURLToPath(new URL('../../../bin/rangekeeper.js', import.meta.url));

/** How long a test waits for an event that must happen, ms. It only ends a test that hangs; it is no test of speed. */
export const WAIT_MS_MAX = 120_000;

interface LogLine {
  readonly msg?: string;
  readonly [field: string]: unknown;
}

/**
 * Resolves when no thread of the process runs any more. One thread handles the SIGSTOP, and on a busy machine the others run on
 * until it does. Without /proc it resolves at once.
 */
export async function untilStopped(pid: number): Promise<void> {
  const tasks = `/proc/${pid}/task`;
  const isStill = async (task: string) => {
    const stat = await readFile(join(tasks, task, 'stat'), 'utf8').catch(() => ') X');
    return /^[TtXZ]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  };
  for (;;) {
    const names = await readdir(tasks).catch(() => []);
    if ((await Promise.all(names.map(isStill))).every(Boolean)) return;
    await delay(realEnv, 5);
  }
}

export class TestProcess {
  readonly #child: ChildProcess;
  readonly #seen: LogLine[] = [];
  readonly #otherOutput: string[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #exited: Promise<number | null>;
  readonly #file: WriteStream;
  /** The pid of the node under a guardian. */
  #worker: number | null = null;
  /** The process that was started has ended. */
  #gone = false;
  /** All its output has been read, too, and the node under a guardian has ended. */
  #outputEnded = false;

  private constructor(child: ChildProcess, logFile: string) {
    this.#child = child;
    this.#file = createWriteStream(logFile, { flags: 'a' });
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => {
        this.#gone = true;
      });
      // This event comes when all processes with its stderr have ended, including the node under a guardian.
      child.once('close', (code) => {
        this.#outputEnded = true;
        this.#wake();
        resolve(code);
      });
    });
    child.on('message', (message) => {
      if (isWorker(message)) this.#worker = message.worker;
    });
    if (child.stderr !== null) createInterface(child.stderr).on('line', (line) => this.#line(line));
  }

  /** Starts `rangekeeper ...args`, with its stderr in `logFile`. */
  static start(args: readonly string[], logFile: string): TestProcess {
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    return new TestProcess(child, logFile);
  }

  /** The pid of the process that does the work: of the node, not of its guardian. */
  get pid(): number {
    return this.#worker ?? this.#child.pid ?? -1;
  }

  /** Whether it has ended and all its output has been read. */
  get ended(): boolean {
    return this.#outputEnded;
  }

  /** Resolves with its exit code when it has ended. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  /** The lines of its log so far. */
  get lines(): readonly LogLine[] {
    return this.#seen;
  }

  /** The message of its log line with level `fatal`, which says why it ended; null: there is none. */
  get fatalMessage(): string | null {
    return this.#seen.find(({ level }) => level === 'fatal')?.msg ?? null;
  }

  /** The lines on stderr that are not lines of its log. */
  get otherOutput(): readonly string[] {
    return this.#otherOutput;
  }

  /** Resolves with the first log line with this message. Rejects if the process ends without it. */
  async logged(message: string): Promise<LogLine> {
    let late = false;
    const timer = realEnv.after(WAIT_MS_MAX, () => {
      late = true;
      this.#wake();
    });
    try {
      for (;;) {
        const found = this.#seen.find(({ msg }) => msg === message);
        if (found !== undefined) return found;
        if (this.#outputEnded) throw new Error(`ended without logging "${message}"; ${this.#last()}`);
        if (late) throw new Error(`"${message}" not logged within ${WAIT_MS_MAX} ms; ${this.#last()}`);
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    } finally {
      timer.cancel();
    }
  }

  #last(): string {
    return `last: ${[...this.#seen.slice(-3).map(({ msg }) => msg), ...this.#otherOutput.slice(-3)].join(' | ')}`;
  }

  /** Sends a signal to the process that does the work. It may have ended a moment ago. */
  signal(signal: NodeJS.Signals): void {
    if (this.#gone) return;
    try {
      process.kill(this.pid, signal);
    } catch (error) {
      if (systemCode(error) !== 'ESRCH') throw error;
    }
  }

  /** Sends SIGSTOP to the process that does the work; resolves when it has stopped. */
  async freeze(): Promise<void> {
    this.signal('SIGSTOP');
    await untilStopped(this.pid);
  }

  /**
   * Sends SIGKILL to the process that does the work, which is a crash, or another signal to the process that was started. Waits
   * until both have ended and returns the exit code. After signal n a guardian has 128 + n, and any other process null.
   */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (signal === 'SIGKILL') this.signal(signal);
    else if (!this.#gone) {
      this.#child.kill(signal);
      this.signal('SIGCONT');
    }
    return this.#exited;
  }

  /** Resolves with its exit code when it has ended; it does not end it. */
  untilEnded(): Promise<number | null> {
    return this.#exited;
  }

  /** Kills only the guardian and waits until its node has ended, too. */
  async killGuardian(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Kills the guardian first and then the node, as when a machine is lost: nobody is left to close the session. */
  async killAll(): Promise<void> {
    if (!this.#gone) {
      this.#child.kill('SIGKILL');
      if (this.#worker !== null) process.kill(this.#worker, 'SIGKILL');
    }
    await this.#exited;
  }

  #line(text: string): void {
    this.#file.write(`${text}\n`);
    if (!text.startsWith('{')) {
      if (text !== '') this.#otherOutput.push(text);
      return;
    }
    this.#seen.push(JSON.parse(text) as LogLine);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
