// The REPL as a process of its own, for tests that write its input and read its output.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { WAIT_MS_MAX } from './processes.ts';
import type { TestCluster } from './test-cluster.ts';

export const PROGRAM = fileURLToPath(new URL('../../../bin/rangekeeper.js', import.meta.url));

/** Timeouts that suffice on a busy machine. Flags of a test override them. */
export const LONG_TIMEOUTS = {
  RANGEKEEPER_CONNECT_MS: String(WAIT_MS_MAX),
  RANGEKEEPER_DEADLINE_MS: String(WAIT_MS_MAX),
};

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export class Repl {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  out = '';
  err = '';
  readonly #waiting = new Set<() => void>();

  constructor(
    command: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    cwd = '.',
  ) {
    this.child = spawn(command, args, { cwd, env: { ...process.env, ...environment } });
    this.child.stdout?.on('data', (chunk) => this.#receive('out', chunk));
    this.child.stderr?.on('data', (chunk) => this.#receive('err', chunk));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => resolve({ code, out: this.out, err: this.err }));
    });
  }

  static start(cluster: TestCluster, ...args: readonly string[]): Repl {
    return new Repl(process.execPath, [PROGRAM, 'repl', '--zk', cluster.connect, ...args], LONG_TIMEOUTS);
  }

  /** Resolves once `text` is in the output on this stream after its first `from` characters. Rejects if the program ends first. */
  async sees(stream: 'out' | 'err', text: string | RegExp, from = 0): Promise<void> {
    const seen = () => this[stream].slice(from).search(text) >= 0;
    let gone = false;
    void this.ended.then(() => {
      gone = true;
      this.#wake();
    });
    while (!seen()) {
      if (gone) throw new Error(`ended without ${text}: ${this.out}${this.err}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #receive(stream: 'out' | 'err', chunk: Buffer): void {
    this[stream] += chunk.toString();
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
