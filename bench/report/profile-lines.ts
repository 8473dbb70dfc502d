// A profile as lines for a terminal: what the limit was, who used the cores, and for each process what it used them for.

import { never } from '../../common/base/assert.ts';
import { limitOf } from '../profile/limit.ts';
import type { Memory, Part, ProcessProfile, Profile, Work } from '../profile/profile.ts';

const MICROS = 1e6;
const MIB = 2 ** 20;
/** Cores below which a part is not worth its place; below the second, a process gets one line. */
const TOLD_MIN = 0.01;
const BUSY_MIN = 0.05;
/** Of a thread's running. */
const SHARE_MIN = 0.02;
const GROUPS_MAX = 10;
/** Of other programs, cores: more than that makes a slot's figures doubtful. */
const QUIET_MAX = 0.1;

export function profileLines(profile: Profile): string[] {
  return [
    `where the time went, ${headOf(profile)}`,
    `  limit: ${limitText(profile)}`,
    ...costLines(profile),
    `  machine: ${machineText(profile)}`,
    ...profile.processes.flatMap((process) => processLines(process, profile)).map((line) => `  ${line}`),
  ];
}

function headOf({ subject, seconds, operations, median }: Profile): string {
  const rate = operations === null ? '' : `, ${Math.round(operations / seconds)} operations/s`;
  const latency = median === null ? '' : `, p50 ${short(median)} ms`;
  return `${subject}: ${seconds.toFixed(1)} s under the profiler${rate}${latency}`;
}

function limitText(profile: Profile): string {
  const foreign = sum(profile.machine.others);
  const noise = foreign > QUIET_MAX ? `; NOT QUIET: other programs had ${foreign.toFixed(2)} cores` : '';
  return `${limitItself(profile)}${noise}`;
}

function limitItself(profile: Profile): string {
  const limit = limitOf(profile);
  switch (limit.kind) {
    case 'thread':
      return `one thread: the main thread of ${limit.names.join(' and of ')} never sleeps`;
    case 'cores':
      return limit.names.length === 0
        ? 'the cores: none is idle'
        : `the cores: the main thread of ${limit.names.join(' and of ')} never sleeps, but waits for a core`;
    case 'waiting': {
      const least = [...profile.processes].sort((a, b) => a.main.sleeping - b.main.sleeping)[0];
      const busiest =
        least === undefined
          ? ''
          : `; the busiest main thread, that of ${least.name}, sleeps ${least.main.sleeping.toFixed(2)} of the time`;
      return `waiting: ${limit.idle.toFixed(2)} of ${profile.machine.cores} cores are idle${busiest}`;
    }
    default:
      return never(limit);
  }
}

/** What an operation costs; and how many there could be at that, where nothing else keeps them from it. */
function costLines(profile: Profile): string[] {
  const { operations, seconds, processes, machine } = profile;
  if (operations === null || operations === 0) return [];
  const micros = (cores: number): number => (cores * seconds * MICROS) / operations;
  const rest = sum(machine.helpers) + sum(machine.kernel) + machine.interrupts;
  const all = processes.reduce((total, { cores }) => total + cores, rest);
  const each = processes.map(({ name, cores }) => `${name} ${short(micros(cores))}`);
  const most = `; ${machine.cores} cores could do ${Math.round((machine.cores * MICROS) / micros(all))}/s at that`;
  return [
    `  CPU of an operation: ${short(micros(all))} µs (${each.join(', ')}, else ${short(micros(rest))})${limitOf(profile).kind === 'waiting' ? '' : most}`,
  ];
}

function machineText({ processes, machine }: Profile): string {
  const { cores, idle, helpers, kernel, interrupts, stolen, others } = machine;
  const texts = [
    ...processes.map((process) => `${process.name} ${process.cores.toFixed(2)}`),
    ...helpers.filter(isTold).map(partText),
    `kernel threads ${withParts(kernel)}`,
    `interrupts ${interrupts.toFixed(2)}`,
    `other programs ${withParts(others)}`,
    `stolen ${stolen.toFixed(2)}`,
    `idle ${idle.toFixed(2)}`,
  ];
  return `of ${cores} cores ${texts.join(', ')}`;
}

function processLines(process: ProcessProfile, { operations, seconds }: Profile): string[] {
  const { name, owned, main, threads, work, memory } = process;
  const role = owned === null ? '' : owned === 0 ? ' (owns nothing)' : ` (owns ${plural(owned, 'range')})`;
  const running = main.javascript + main.garbage + main.native;
  const states = [
    `runs ${running.toFixed(2)} of the time (${percent(main.system, running)} of that in the kernel)`,
    `waits for a core ${main.waiting.toFixed(2)}`,
    `sleeps ${main.sleeping.toFixed(2)}`,
  ];
  const title = `${name}${role}: ${process.cores.toFixed(2)} cores; main thread ${states.join(', ')}`;
  if (process.cores < BUSY_MIN) return [title];
  const others = threads.filter(isTold).map(partText).join(', ') || 'idle';
  const lines = [
    ...runningLines(process, running),
    `other threads: ${others}`,
    workText(work, operations, seconds),
    memoryText(memory),
  ];
  return [title, ...lines.map((line) => `  ${line}`)];
}

/** Shares of the main thread's running. */
function runningLines({ main, groups, hottest }: ProcessProfile, running: number): string[] {
  const shares = (parts: readonly Part[]): string =>
    parts
      .filter(({ cores }) => cores >= SHARE_MIN * running)
      .slice(0, GROUPS_MAX)
      .map((part) => `${part.name} ${percent(part.cores, running)}`)
      .join(', ');
  const hot = hottest.map((one) =>
    [one.name, ...(one.where === '' ? [] : [one.where]), percent(one.cores, running)].join(' '),
  );
  return [
    `while it runs: JavaScript ${percent(main.javascript, running)} (${shares(groups)}), garbage collector ${percent(main.garbage, running)}, else ${percent(main.native, running)}`,
    `hottest: ${hot.join('; ')}`,
  ];
}

function workText(work: Work, operations: number | null, seconds: number): string {
  const per = operations === null || operations === 0 ? seconds : operations;
  const of = operations === null || operations === 0 ? 'each second' : 'each operation';
  const each = (count: number): string => short(count / per);
  const { log_entries: entries = 0, log_syncs: syncs = 0, ...more } = work.counters;
  const logged = syncs > 0 ? [`${each(entries)} logged, ${short(entries / syncs)} a sync`] : [];
  const reads = cacheTexts(more);
  const files = work.fileBytes > 0 ? [`${each(work.fileBytes)} B to files`] : [];
  const sockets = [
    `${each(work.readBytes)} B in ${each(work.reads)} reads`,
    `${each(work.writtenBytes)} B out in ${each(work.writes)} writes`,
  ];
  const pauses = work.pauses === 0 ? '' : `, the longest ${short(work.longestPauseMs)} ms`;
  return [
    `${of}: ${[...logged, ...sockets, ...files].join(', ')}`,
    ...reads,
    `main thread slept ${short(work.sleeps / seconds)} times/s`,
    `${plural(work.pauses, 'garbage collection')}${pauses}`,
    `event loop late by ${short(work.lateMs)} ms (p99), at most ${short(work.latestMs)}`,
  ].join('; ');
}

function cacheTexts(counters: Readonly<Record<string, number>>): string[] {
  return Object.entries({ row_cache: 'rows by key', leaf_cache: 'leaves' }).flatMap(([name, text]) => {
    const hits = counters[`${name}_hits`] ?? 0;
    const all = hits + (counters[`${name}_misses`] ?? 0);
    return all === 0 ? [] : [`${text} found in memory ${((100 * hits) / all).toFixed(1)} %`];
  });
}

function memoryText({ own, files, heap, buffers, caches }: Memory): string {
  const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;
  const kept = Object.entries(caches).map(([name, bytes]) => `, ${name} ${mib(bytes)}`);
  return `memory: ${mib(own)} (heap ${mib(heap)}, buffers outside of it ${mib(buffers)}), and ${mib(files)} of mapped files${kept.join('')}`;
}

function withParts(parts: readonly Part[]): string {
  const told = parts.filter(isTold).slice(0, 3).map(partText);
  return `${sum(parts).toFixed(2)}${told.length === 0 ? '' : ` (${told.join(', ')})`}`;
}

function partText({ name, cores }: Part): string {
  return `${name} ${cores.toFixed(2)}`;
}

function isTold({ cores }: Part): boolean {
  return cores >= TOLD_MIN;
}

function sum(parts: readonly Part[]): number {
  return parts.reduce((total, { cores }) => total + cores, 0);
}

function percent(part: number, whole: number): string {
  return `${Math.round((100 * part) / (whole || 1))} %`;
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** Two or three digits that count. */
function short(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return Number(value.toPrecision(2)).toString();
}
