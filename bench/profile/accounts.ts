// From what was seen of a slot to where its time went. Pure.

import type { Attribution } from './attribution.ts';
import type { MachineLook, ProcessLook, ThreadLook, ThreadLooks } from './kernel.ts';
import type { MachineProfile, MainThread, Memory, Part, ProcessProfile, Work } from './profile.ts';

export interface SeenProcess {
  readonly name: string;
  readonly pid: number;
  readonly owned: number | null;
  /** Threads of libuv's pool, and those that are there for the profile only. */
  readonly pool: ReadonlySet<number>;
  readonly instruments: ReadonlySet<number>;
  readonly before: ThreadLooks;
  readonly after: ThreadLooks;
  readonly samples: Attribution;
  readonly memory: Memory;
  readonly counts: Pick<Work, 'pauses' | 'longestPauseMs' | 'lateMs' | 'latestMs' | 'counters'>;
}

const NOTHING: ThreadLook = {
  ...{ ran: 0, waited: 0, user: 0, system: 0, sleeps: 0 },
  ...{ reads: 0, writes: 0, readBytes: 0, writtenBytes: 0 },
};
const HOTTEST = 5;
/** Of one word by which a thread wakes the event loop; V8's threads write nothing else. */
const WAKE_BYTES = 8;
/** V8 reads a word of the system's settings at most. */
const SETTING_BYTES = 4_096;

export function accountOf(seen: SeenProcess, seconds: number): ProcessProfile {
  const { name, pid, owned, samples, memory, counts } = seen;
  const spent = [...seen.after].map(([tid, after]) => ({
    tid,
    spent: difference(seen.before.get(tid) ?? NOTHING, after),
  }));
  const others = spent.filter(({ tid }) => tid !== pid);
  const own = spent.find(({ tid }) => tid === pid)?.spent ?? NOTHING;
  const main = mainThread(own, samples, seconds);
  // In the share of samples that JavaScript had, and so in sum its time.
  const coresOf = (count: number): number =>
    samples.told === 0 ? 0 : (main.javascript * count) / samples.told;
  return {
    ...{ name, owned, main, memory },
    cores: sum(spent.map((thread) => thread.spent.ran)) / seconds,
    groups: samples.groups.map((group) => ({ name: group.name, cores: coresOf(group.samples) })),
    hottest: samples.functions.slice(0, HOTTEST).map((hot) => ({
      ...{ name: hot.name, where: hot.where, cores: coresOf(hot.samples) },
    })),
    threads: parts(others.map(({ tid, spent: { ran } }) => [kindOf(tid, seen), ran / seconds])),
    work: {
      ...counts,
      ...{ sleeps: own.sleeps, reads: own.reads, writes: own.writes },
      ...{ readBytes: own.readBytes, writtenBytes: own.writtenBytes },
      fileBytes: sum(
        others.filter(({ tid }) => !seen.instruments.has(tid)).map((thread) => thread.spent.writtenBytes),
      ),
    },
  };
}

/**
 * The kernel knows how long the thread ran, and how long it waited for a core; samples, which come while it runs or sleeps,
 * say which part of that was JavaScript. What is left of its running is native.
 */
function mainThread(
  { ran, waited, user, system }: ThreadLook,
  samples: Attribution,
  seconds: number,
): MainThread {
  const waiting = Math.min(1, waited / seconds);
  const running = Math.min(1 - waiting, ran / seconds);
  // Samples may have begun a little before what is counted, or after it.
  const lacking = waiting * Math.min(seconds, samples.seconds);
  const sampled = samples.all === 0 ? 0 : (samples.seconds - lacking) / seconds / samples.all;
  const both = (samples.javascript + samples.garbage) * sampled;
  const scale = both > running ? (sampled * running) / both : sampled;
  const javascript = samples.javascript * scale;
  const garbage = samples.garbage * scale;
  return {
    ...{ javascript, garbage, waiting },
    native: Math.max(0, running - javascript - garbage),
    sleeping: Math.max(0, 1 - running - waiting),
    system: user + system === 0 ? 0 : (running * system) / (user + system),
  };
}

/** Told by what a thread has done since it began, not by order or name, of which Node promises nothing. */
function kindOf(tid: number, { pool, instruments, after }: SeenProcess): string {
  if (pool.has(tid)) return 'libuv workers';
  if (instruments.has(tid)) return 'the profile itself';
  const { readBytes, writes, writtenBytes } = after.get(tid) ?? NOTHING;
  const hasFiles = readBytes > SETTING_BYTES || writtenBytes > WAKE_BYTES * writes;
  return hasFiles ? 'LevelDB in the background' : 'V8 workers';
}

/** What each pid of the contender is; null: it has a profile of its own. */
export type Roles = ReadonlyMap<number, string | null>;

export function machineOf(
  before: MachineLook,
  after: MachineLook,
  roles: Roles,
  seconds: number,
): MachineProfile {
  const spent = [...after.processes].map(([pid, process]) => ({
    ...{ pid, name: process.name, isKernel: process.isKernel },
    cores: Math.max(0, process.seconds - secondsAt(before, pid, process)) / seconds,
  }));
  const of = (isOne: (process: (typeof spent)[number]) => boolean): [name: string, cores: number][] =>
    spent
      .filter(isOne)
      .map(({ pid, name, isKernel, cores }) => [
        roles.get(pid) ?? (isKernel ? (name.split(/[/:]/)[0] ?? name) : name),
        cores,
      ]);
  // Whatever began and ended in between, compilers and their like, is in neither list of processes.
  const ended = (after.busy - before.busy) / seconds - sum(spent.map(({ cores }) => cores));
  const others = of(({ pid, isKernel }) => !isKernel && !roles.has(pid));
  return {
    cores: after.cores,
    idle: (after.idle - before.idle) / seconds,
    interrupts: (after.interrupts - before.interrupts) / seconds,
    stolen: (after.stolen - before.stolen) / seconds,
    helpers: parts(of(({ pid }) => (roles.get(pid) ?? null) !== null)),
    kernel: parts(of(({ pid, isKernel }) => isKernel && !roles.has(pid))),
    others: parts([...others, ['ended meanwhile', ended]]),
  };
}

/** On a busy machine a list of processes may lack some: what one of those had is not known, and counted as nothing. */
function secondsAt(before: MachineLook, pid: number, { beganAt, seconds }: ProcessLook): number {
  return before.processes.get(pid)?.seconds ?? (beganAt < before.now ? seconds : 0);
}

/** Summed by name, largest first; what did nothing is left out. */
function parts(named: readonly (readonly [name: string, cores: number])[]): Part[] {
  const sums = new Map<string, number>();
  for (const [name, cores] of named) sums.set(name, (sums.get(name) ?? 0) + cores);
  return [...sums]
    .filter(([, cores]) => cores > 0)
    .map(([name, cores]) => ({ name, cores }))
    .sort((a, b) => b.cores - a.cores);
}

function difference(before: ThreadLook, after: ThreadLook): ThreadLook {
  return {
    ran: after.ran - before.ran,
    waited: after.waited - before.waited,
    user: after.user - before.user,
    system: after.system - before.system,
    sleeps: after.sleeps - before.sleeps,
    reads: after.reads - before.reads,
    writes: after.writes - before.writes,
    readBytes: after.readBytes - before.readBytes,
    writtenBytes: after.writtenBytes - before.writtenBytes,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
