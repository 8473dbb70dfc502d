// Foreign server processes of a measurement, and what processes cost. The kernel counts in /proc; where there is none
// (macOS), costs are not known and reports leave them out.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { realEnv } from '../common/base/env.ts';
import { isExecutable } from '../common/zk/find-server.ts';

/** USER_HZ, the same on every Linux. */
export const TICKS_PER_SECOND = 100;
const STOP_MS = 5_000;
/** In /proc/PID/stat behind the command's name: user and system time, own and of children that ended. */
const FIELD = { user: 11, system: 12, childUser: 13, childSystem: 14 } as const;

/** A program's path; null where PATH holds none. */
export function findProgram(name: string): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(isNotEmpty);
  const found = [...folders, '/usr/sbin', '/usr/local/sbin']
    .map((folder) => join(folder, name))
    .find(isExecutable);
  return found ?? null;
}

/** A server that is no Node program; it ends with `stop`, or with this process's orderly end. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #kill = (): void => void this.#child.kill('SIGKILL');

  constructor(program: string, args: readonly string[], logFile: string) {
    const log = openSync(logFile, 'a');
    this.#child = spawn(program, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#ended = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    process.once('exit', this.#kill);
  }

  get pids(): readonly number[] {
    return this.#child.pid === undefined ? [] : [this.#child.pid];
  }

  async stop(): Promise<void> {
    process.off('exit', this.#kill);
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGTERM');
    const insist = realEnv.after(STOP_MS, () => this.#child.kill('SIGKILL'));
    await this.#ended;
    insist.cancel();
  }
}

/**
 * CPU seconds used so far by all of them together and by their children, as Redis has one write its log anew; null where the
 * kernel does not tell.
 */
export function cpuSecondsOf(pids: readonly number[]): number | null {
  const all = new Set(pids.flatMap((pid) => [pid, ...childrenOf(pid)]));
  return sum([...all].map((pid) => stat(`/proc/${pid}/stat`, Object.values(FIELD))));
}

/** Those that its main thread started and that run. */
function childrenOf(pid: number): number[] {
  const text = readProc(`/proc/${pid}/task/${pid}/children`) ?? '';
  return text.split(' ').filter(isNotEmpty).map(Number);
}

/** CPU seconds of children of this process that have ended. */
export function cpuSecondsOfEnded(): number | null {
  return stat('/proc/self/stat', [FIELD.childUser, FIELD.childSystem]);
}

/** Resident memory of all of them together, bytes. */
export function residentBytesOf(pids: readonly number[]): number | null {
  return sum(
    pids.map((pid) => {
      const kib = /^VmRSS:\s+(\d+) kB/m.exec(readProc(`/proc/${pid}/status`) ?? '')?.[1];
      return kib === undefined ? null : Number(kib) * 1024;
    }),
  );
}

function sum(values: readonly (number | null)[]): number | null {
  if (!existsSync('/proc/self/stat')) return null;
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

function isNotEmpty(text: string): boolean {
  return text !== '';
}

function stat(path: string, fields: readonly number[]): number | null {
  const text = readProc(path);
  if (text === null) return null;
  const values = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.reduce((total, field) => total + Number(values[field] ?? 0), 0) / TICKS_PER_SECOND;
}

/** Null where the process is gone, or there is no /proc. */
export function readProc(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
