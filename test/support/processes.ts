// Rangekeeper processes for tests: started as a user would, told by their own log lines when they are ready, ended by
// pid and never left behind.

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { delay, realEnv } from '../../common/base/env.ts';
import { isWorker } from '../../common/process/children.ts';

const PROGRAM = fileURLToPath(new URL('../../../bin/rangekeeper.js', import.meta.url));

/** How long a test waits for what must come, ms: it ends a test that hangs, and judges nobody's speed. */
export const PATIENCE_MS = 120_000;

interface LogLine {
  readonly msg?: string;
  readonly [field: string]: unknown;
}

/**
 * Resolves when no thread of the process runs any more. One of them takes the SIGSTOP, and on a busy machine the others go
 * on until it gets the time to. Where there is no /proc, it resolves at once.
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
  readonly #words: string[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #exited: Promise<number | null>;
  readonly #file: WriteStream;
  /** The node process under a guardian. */
  #worker: number | null = null;
  /** There is no such process any more. */
  #gone = false;
  /** And all that it has written is read: a process may write and end at once. */
  #silent = false;

  private constructor(child: ChildProcess, logFile: string) {
    this.#child = child;
    this.#file = createWriteStream(logFile, { flags: 'a' });
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => {
        this.#gone = true;
      });
      // After all that hold its stderr, the node under a guardian too.
      child.once('close', (code) => {
        this.#silent = true;
        this.#wake();
        resolve(code);
      });
    });
    child.on('message', (message) => {
      if (isWorker(message)) this.#worker = message.worker;
    });
    if (child.stderr !== null) createInterface(child.stderr).on('line', (line) => this.#line(line));
  }

  /** `rangekeeper ...args`, its stderr kept in `logFile`. */
  static start(args: readonly string[], logFile: string): TestProcess {
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    return new TestProcess(child, logFile);
  }

  /** Of the process that does the work: a guardian's node, not the guardian. */
  get pid(): number {
    return this.#worker ?? this.#child.pid ?? -1;
  }

  /** Whether it has ended, and all that it said is known. */
  get ended(): boolean {
    return this.#silent;
  }

  /** Resolves with its exit code when it has ended by itself. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  /** The lines of its log so far. */
  get lines(): readonly LogLine[] {
    return this.#seen;
  }

  /** Why it ended, by the line of its log with level `fatal`; null where there is none. */
  get lastWords(): string | null {
    return this.#seen.find(({ level }) => level === 'fatal')?.msg ?? null;
  }

  /** What it wrote on stderr that is no line of its log. */
  get words(): readonly string[] {
    return this.#words;
  }

  /** The first log line with this message; rejects if the process ends without it. */
  async said(message: string): Promise<LogLine> {
    let late = false;
    const timer = realEnv.after(PATIENCE_MS, () => {
      late = true;
      this.#wake();
    });
    try {
      for (;;) {
        const found = this.#seen.find(({ msg }) => msg === message);
        if (found !== undefined) return found;
        if (this.#silent) throw new Error(`ended without saying "${message}"; ${this.#last()}`);
        if (late) throw new Error(`"${message}" not said within ${PATIENCE_MS} ms; ${this.#last()}`);
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    } finally {
      timer.cancel();
    }
  }

  #last(): string {
    return `last: ${[...this.#seen.slice(-3).map(({ msg }) => msg), ...this.#words.slice(-3)].join(' | ')}`;
  }

  /** To the process that does the work. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#gone) process.kill(this.pid, signal);
  }

  /** SIGSTOP to the process that does the work; resolves when it has stopped. */
  async freeze(): Promise<void> {
    this.signal('SIGSTOP');
    await untilStopped(this.pid);
  }

  /**
   * SIGKILL goes to the process that does the work: a crash. Another signal goes to the process that was started. Waits
   * for the end of both and gives the exit code: a guardian's is 128 + n after signal n, others have null then.
   */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (signal === 'SIGKILL') this.signal(signal);
    else if (!this.#gone) {
      this.#child.kill(signal);
      this.signal('SIGCONT');
    }
    return this.#exited;
  }

  /** Resolves with its exit code once it has ended by itself. */
  untilEnded(): Promise<number | null> {
    return this.#exited;
  }

  /** Kills a guardian alone and waits for the end of both. */
  async orphan(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** All of it at once, the guardian first, as when the machine is lost: nobody is left to close the session. */
  async lose(): Promise<void> {
    if (!this.#gone) {
      this.#child.kill('SIGKILL');
      if (this.#worker !== null) process.kill(this.#worker, 'SIGKILL');
    }
    await this.#exited;
  }

  #line(text: string): void {
    this.#file.write(`${text}\n`);
    if (!text.startsWith('{')) {
      if (text !== '') this.#words.push(text);
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
