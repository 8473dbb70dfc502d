// Rangekeeper processes for tests: started as a user would, told by their own log lines when they are ready, ended by
// pid and never left behind.

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

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
  #gone = false;

  private constructor(child: ChildProcess, logFile: string) {
    this.#child = child;
    this.#file = createWriteStream(logFile, { flags: 'a' });
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code) => {
        this.#gone = true;
        resolve(code);
        this.#wake();
      });
    });
    if (child.stderr !== null) createInterface(child.stderr).on('line', (line) => this.#line(line));
  }

  /** `rangekeeper ...args`, its stderr kept in `logFile`. */
  static start(args: readonly string[], logFile: string): TestProcess {
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    return new TestProcess(child, logFile);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
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

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends a signal and waits for the end; gives the exit code, null after a signal that killed it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (!this.#gone) {
      this.#child.kill(signal);
      if (signal !== 'SIGKILL') this.#child.kill('SIGCONT');
    }
    return this.#exited;
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
