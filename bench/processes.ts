// Server processes of the peers, and the CPU time and memory of processes. These come from /proc; without it (macOS) they are not
// known, and reports leave them out.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { realEnv } from '../common/base/env.ts';
import { isExecutable } from '../common/zk/find-server.ts';

/** USER_HZ, the same on every Linux. */
const TICKS_PER_SECOND = 100;
const STOP_MS = 5_000;
/** Fields of /proc/PID/stat after the command's name: user and system time of the process and of its ended children. */
const FIELD = { user: 11, system: 12, childUser: 13, childSystem: 14 } as const;

/** A program's path; null: it is not in PATH. */
export function findProgram(name: string): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(isNotEmpty);
  const paths = [...folders, '/usr/sbin', '/usr/local/sbin'].map((folder) => join(folder, name));
  return paths.find(isExecutable) ?? null;
}

/** Servers that are not Node programs. They end with `stop`, or when this process exits. */
export class Servers {
  readonly #children: ChildProcess[] = [];
  readonly #kill = (): void => {
    for (const child of this.#children) child.kill('SIGKILL');
  };

  start(program: string, args: readonly string[], logFile: string): void {
    const log = openSync(logFile, 'a');
    this.#children.push(spawn(program, args, { stdio: ['ignore', log, log] }));
    closeSync(log);
    if (this.#children.length === 1) process.once('exit', this.#kill);
  }

  get pids(): readonly number[] {
    return this.#children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  async stop(): Promise<void> {
    const running = this.#children.filter(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    );
    const ended = running.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of running) child.kill('SIGTERM');
    const insist = realEnv.after(STOP_MS, this.#kill);
    await Promise.all(ended);
    insist.cancel();
    process.off('exit', this.#kill);
  }
}

/**
 * CPU seconds used so far by these processes and their children (a child of Redis rewrites its log); null: the kernel does not
 * report it.
 */
export function cpuSecondsOf(pids: readonly number[]): number | null {
  const all = new Set(pids.flatMap((pid) => [pid, ...childrenOf(pid)]));
  return sum([...all].map((pid) => secondsIn(`/proc/${pid}/stat`, Object.values(FIELD))));
}

/** CPU seconds of children of this process that have ended. */
export function cpuSecondsOfEnded(): number | null {
  return secondsIn('/proc/self/stat', [FIELD.childUser, FIELD.childSystem]);
}

/** Memory of these processes together, bytes. */
export interface Memory {
  readonly resident: number;
  /** Without mapped files, which the kernel can drop at any time. */
  readonly anonymous: number;
}

/** Null: the kernel does not report it. */
export function memoryOf(pids: readonly number[]): Memory | null {
  const [resident, anonymous] = (['VmRSS', 'RssAnon'] as const).map((field) =>
    sum(pids.map((pid) => kibIn(pid, field))),
  );
  return resident == null || anonymous == null
    ? null
    : { resident: resident * 1024, anonymous: anonymous * 1024 };
}

function kibIn(pid: number, field: string): number | null {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readProc(`/proc/${pid}/status`) ?? '')?.[1];
  return kib === undefined ? null : Number(kib);
}

/** Running children that its main thread started. */
function childrenOf(pid: number): number[] {
  const text = readProc(`/proc/${pid}/task/${pid}/children`) ?? '';
  return text.split(' ').filter(isNotEmpty).map(Number);
}

/** An unknown value of one process counts as 0. */
function sum(values: readonly (number | null)[]): number | null {
  if (!existsSync('/proc/self/stat')) return null;
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

function secondsIn(path: string, fields: readonly number[]): number | null {
  const text = readProc(path);
  if (text === null) return null;
  const values = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.reduce((total, field) => total + Number(values[field] ?? 0), 0) / TICKS_PER_SECOND;
}

function isNotEmpty(text: string): boolean {
  return text !== '';
}

/** Null: the process has ended, or there is no /proc. */
function readProc(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
