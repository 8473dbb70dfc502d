// Runs `rangekeeper dev` as a user does, in a process of its own with a temporary directory and free ports.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { DevRecord } from '../../bin/dev/directory.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { type Child, startChild } from '../../common/process/children.ts';
import { LONG_TIMEOUTS } from './repl-process.ts';
import { type Finished, finished, runNode } from './run-node.ts';
import { ROOT } from './source.ts';

const RANGEKEEPER = join(ROOT, 'bin', 'rangekeeper.cjs');
const DEV = [RANGEKEEPER, 'dev'];
const POLL_MS = 20;

/** Runs a command to its end. */
export function rangekeeper(...argv: readonly string[]): Promise<Finished> {
  return runNode([RANGEKEEPER, ...argv], LONG_TIMEOUTS);
}

export function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'rangekeeper-dev-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A run of something else than `rangekeeper dev` of the clone. */
interface OtherRun {
  /** The data directory. */
  readonly data: string;
  /** A JavaScript file and its first arguments. */
  readonly program: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export class DevRun {
  readonly child: Child;
  /** Resolves when it has ended. */
  readonly finished: Promise<Finished>;
  readonly #data: string;
  #output = '';

  constructor(t: ExecutionContext, where: string | OtherRun, ...flags: readonly string[]) {
    const {
      data,
      program,
      environment = {},
    }: OtherRun = typeof where === 'string' ? { data: where, program: DEV } : where;
    const ports = ['--zk-port', '0', '--web-port', '0'];
    const argv = [...program, '--data', data, ...ports, ...flags];
    this.#data = data;
    this.child = startChild(realEnv, { argv, stdout: 'pipe', stderr: 'pipe', environment });
    this.finished = finished(this.child);
    this.child.process.stdout?.on('data', (chunk) => {
      this.#output += String(chunk);
    });
    t.teardown(async () => {
      const pids = this.pids();
      this.child.process.kill('SIGKILL');
      await gone(pids);
    });
  }

  /** Resolves with the first match in its output. Rejects if it ends before. */
  async says(pattern: RegExp): Promise<string> {
    let ended: Finished | null = null;
    void this.finished.then((result) => {
      ended = result;
    });
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match !== null) return match[0];
      if (ended !== null) throw new Error(`dev ended: ${JSON.stringify(ended)}`);
      await delay(realEnv, POLL_MS);
    }
  }

  /** Resolves when every range takes writes. */
  async up(): Promise<DevRecord> {
    await this.says(/Ctrl-C stops everything/);
    const record = this.record();
    if (record === null) throw new Error('a cluster that is up has a dev.json');
    return record;
  }

  /** dev.json as it is now. */
  record(): DevRecord | null {
    const file = join(this.#data, 'dev.json');
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as DevRecord) : null;
  }

  /** The pids of its children in dev.json. */
  pids(): number[] {
    return this.record()?.processes.flatMap(({ pid }) => (pid === null ? [] : [pid])) ?? [];
  }

  pidOf(name: string): number {
    const pid = this.record()?.processes.find((member) => member.name === name)?.pid;
    if (pid === undefined || pid === null) throw new Error(`${name} does not run`);
    return pid;
  }

  repl(command: string, ...flags: readonly string[]): Promise<Finished> {
    return rangekeeper('repl', '--zk', this.record()?.zk ?? '', ...flags, '-e', command);
  }

  /** Sends SIGTERM and waits until it has ended. */
  async stop(): Promise<Finished> {
    this.child.process.kill('SIGTERM');
    return this.finished;
  }
}

/** Resolves when none of these processes exists any more. If one stays, the test's own timeout ends the wait. */
export async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(isThere)) await delay(realEnv, POLL_MS);
}

export function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
