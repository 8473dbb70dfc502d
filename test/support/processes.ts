// Rangekeeper processes for tests: started as a user would, told by their own log lines when they are ready, ended by
// pid and never left behind.

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isWorker } from '../../common/process/children.ts';

const PROGRAM = fileURLToPath(new URL('../../../bin/rangekeeper.js', import.meta.url));

interface LogLine {
  readonly msg?: string;
  readonly [field: string]: unknown;
}

export class TestProcess {
  readonly #child: ChildProcess;
  readonly #seen: LogLine[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #exited: Promise<number | null>;
  readonly #file: WriteStream;
  /** The node process under a guardian. */
  #worker: number | null = null;
  #gone = false;

  private constructor(child: ChildProcess, logFile: string) {
    this.#child = child;
    this.#file = createWriteStream(logFile, { flags: 'a' });
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => {
        this.#gone = true;
        this.#wake();
      });
      // After all that hold its stderr, the node under a guardian too.
      child.once('close', (code) => resolve(code));
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

  /** Whether it has ended. */
  get ended(): boolean {
    return this.#gone;
  }

  /** The first log line with this message; rejects if the process ends without it. */
  async said(message: string): Promise<LogLine> {
    for (;;) {
      const found = this.#seen.find(({ msg }) => msg === message);
      if (found !== undefined) return found;
      if (this.#gone) throw new Error(`ended without saying "${message}"`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** To the process that does the work. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#gone) process.kill(this.pid, signal);
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
    if (!text.startsWith('{')) return;
    this.#seen.push(JSON.parse(text) as LogLine);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
