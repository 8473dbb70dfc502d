// What Linux counts: each thread of a process, and every process of the machine. Looks are taken before and after a slot;
// what they mean is said in accounts.ts.

import { readdirSync } from 'node:fs';
import { readProc, TICKS_PER_SECOND } from '../processes.ts';

export interface ThreadLook {
  /** On a core, and ready for one, seconds. */
  readonly ran: number;
  readonly waited: number;
  readonly user: number;
  readonly system: number;
  /** Voluntary context switches. */
  readonly sleeps: number;
  readonly reads: number;
  readonly writes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** By number of the thread. */
export type ThreadLooks = ReadonlyMap<number, ThreadLook>;

const NANOS = 1e9;

/** Empty where the process is gone. */
export function lookAtThreads(pid: number): ThreadLooks {
  const looks = new Map<number, ThreadLook>();
  for (const tid of numbersIn(`/proc/${pid}/task`)) {
    const look = lookAtThread(`/proc/${pid}/task/${tid}`);
    if (look !== null) looks.set(tid, look);
  }
  return looks;
}

function lookAtThread(path: string): ThreadLook | null {
  const stat = readStat(path);
  if (stat === null) return null;
  const [ran, waited] = (readProc(`${path}/schedstat`) ?? '').split(' ').map(Number);
  const io = readProc(`${path}/io`) ?? '';
  const status = readProc(`${path}/status`) ?? '';
  return {
    // A kernel built without scheduler statistics still counts ticks.
    ran: ran === undefined || ran === 0 ? stat.user + stat.system : ran / NANOS,
    waited: (waited ?? 0) / NANOS,
    user: stat.user,
    system: stat.system,
    sleeps: field(status, 'voluntary_ctxt_switches'),
    reads: field(io, 'syscr'),
    writes: field(io, 'syscw'),
    readBytes: field(io, 'rchar'),
    writtenBytes: field(io, 'wchar'),
  };
}

export interface ProcessLook {
  readonly name: string;
  readonly isKernel: boolean;
  /** Since the machine's start. */
  readonly beganAt: number;
  /** CPU time of all threads. */
  readonly seconds: number;
}

export interface MachineLook {
  /** Since the machine's start, seconds. */
  readonly now: number;
  readonly cores: number;
  /** Core seconds so far; `busy`: of all processes, those that have ended too. */
  readonly busy: number;
  readonly idle: number;
  readonly interrupts: number;
  readonly stolen: number;
  /** By pid. */
  readonly processes: ReadonlyMap<number, ProcessLook>;
}

/** kthreadd, the parent of every kernel thread. */
const KERNEL_PID = 2;

export function lookAtMachine(): MachineLook {
  const now = Number((readProc('/proc/uptime') ?? '').split(' ')[0]);
  const lines = (readProc('/proc/stat') ?? '').split('\n');
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = (
    lines[0] ?? ''
  )
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) / TICKS_PER_SECOND);
  const processes = new Map<number, ProcessLook>();
  for (const pid of numbersIn('/proc')) {
    const stat = readStat(`/proc/${pid}`);
    if (stat === null) continue;
    const isKernel = pid === KERNEL_PID || stat.parent === KERNEL_PID;
    const { name, beganAt, user, system } = stat;
    processes.set(pid, { name, isKernel, beganAt, seconds: user + system });
  }
  const cores = lines.filter((line) => /^cpu\d/.test(line)).length;
  const busy = user + nice + system;
  return { now, cores, busy, idle: idle + iowait, interrupts: irq + softirq, stolen: steal, processes };
}

/** Resident bytes by what they are backed by. */
export function lookAtMemory(pid: number): { readonly files: number; readonly own: number } {
  const status = readProc(`/proc/${pid}/status`) ?? '';
  const bytes = (name: string): number => field(status, name) * 1024;
  return { files: bytes('RssFile') + bytes('RssShmem'), own: bytes('RssAnon') };
}

interface Stat {
  readonly name: string;
  readonly parent: number;
  readonly beganAt: number;
  readonly user: number;
  readonly system: number;
}

/** Of a process or a thread. */
function readStat(path: string): Stat | null {
  const text = readProc(`${path}/stat`);
  if (text === null) return null;
  // The name stands in parentheses and may hold any.
  const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
  const values = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const seconds = (at: number): number => Number(values[at]) / TICKS_PER_SECOND;
  return { name, parent: Number(values[1]), beganAt: seconds(19), user: seconds(11), system: seconds(12) };
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .map(Number)
      .filter((number) => Number.isInteger(number));
  } catch {
    return [];
  }
}
