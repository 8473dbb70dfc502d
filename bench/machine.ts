// Describes the machine of a run, and measures how fast it was meanwhile. Without these the results mean nothing.

import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, readFileSync, statfsSync, writeSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import type { Env } from '../common/base/env.ts';
import { findServer, type ServerProgram } from '../common/zk/find-server.ts';
import { findProgram } from './processes.ts';
import { spreadOf } from './stats/summary.ts';

/** Paths of the peers' programs; null: not installed. */
export interface Programs {
  readonly etcd: string | null;
  readonly h2load: string | null;
  readonly redis: string | null;
  readonly java: ServerProgram;
}

export function findPrograms(): Programs {
  return {
    etcd: findProgram('etcd'),
    h2load: findProgram('h2load'),
    redis: findProgram('redis-server'),
    java: findServer(process.env),
  };
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  /** The file system with the data. */
  readonly filesystem: string;
  /** The file system is in memory: a sync costs nothing, so results of durable writes mean nothing. */
  readonly isMemory: boolean;
  readonly node: string;
  /** The version that each peer prints, by name. */
  readonly peers: Readonly<Record<string, string>>;
}

/** Names of file systems by the type numbers of statfs. */
const FILESYSTEMS: Readonly<Record<number, string>> = {
  ...{ 61267: 'ext4', 1481003842: 'xfs', 2435016766: 'btrfs', 801189825: 'zfs' },
  ...{ 2035054128: 'overlay', 16914836: 'tmpfs', 2240043254: 'ramfs' },
};
const IN_MEMORY = ['tmpfs', 'ramfs'];

/** @param programs null: no peers are measured */
export function describeMachine(directory: string, programs: Programs | null): Machine {
  const number = statfsSync(directory).type;
  const filesystem = FILESYSTEMS[number] ?? `0x${number.toString(16)}`;
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    filesystem,
    isMemory: IN_MEMORY.includes(filesystem),
    node: process.version,
    peers: programs === null ? {} : versionsOf(programs),
  };
}

function versionsOf({ etcd, h2load, redis, java }: Programs): Record<string, string> {
  return {
    etcd: versionOf(etcd),
    h2load: versionOf(h2load),
    Redis: versionOf(redis),
    [`ZooKeeper of ${java.source}, Java`]: versionOf(java.java),
  };
}

function versionOf(program: string | null): string {
  if (program === null) return 'absent';
  try {
    const printed = execFileSync(program, ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return printed.split('\n')[0] ?? '';
  } catch {
    return 'of unknown version';
  }
}

/** How fast the machine is at a moment. */
export interface Calibration {
  /** Iterations of a fixed loop, millions per second. */
  readonly loop: number;
  /** Median time of some fdatasyncs of 4 KiB in a preallocated file, ms. */
  readonly syncMs: number;
  /** Load average of a minute. */
  readonly load: number;
  /** Share of CPU time that the hypervisor took away since the last calibration; null: the kernel does not report it. */
  readonly steal: number | null;
}

const LOOP_TURNS = 4_000_000;
const SYNCS = 15;
const BLOCK_BYTES = 4_096;

export class Calibrator {
  readonly #env: Env;
  readonly #file: string;
  #before = cpuTimes();

  constructor(env: Env, directory: string) {
    this.#env = env;
    this.#file = join(directory, 'calibration');
  }

  measure(): Calibration {
    const [before, now] = [this.#before, cpuTimes()];
    this.#before = now;
    const known = before !== null && now !== null && now.all > before.all;
    const steal = known ? (now.steal - before.steal) / (now.all - before.all) : null;
    return { loop: this.#loop(), syncMs: this.#sync(), load: loadavg()[0] ?? 0, steal };
  }

  #loop(): number {
    const begin = this.#env.now();
    let mixed = 1;
    for (let i = 0; i < LOOP_TURNS; i++) mixed = Math.imul(mixed ^ i, 0x9e3779b1);
    const ms = this.#env.now() - begin;
    // The result is used, otherwise V8 might remove the loop.
    return LOOP_TURNS / ms / 1_000 + (mixed === 0 ? 1 : 0);
  }

  #sync(): number {
    const file = openSync(this.#file, 'w');
    try {
      writeSync(file, Buffer.alloc(BLOCK_BYTES * SYNCS));
      fdatasyncSync(file);
      const times = Array.from({ length: SYNCS }, (_, i) => {
        const begin = this.#env.now();
        writeSync(file, Buffer.alloc(BLOCK_BYTES, 1), 0, BLOCK_BYTES, i * BLOCK_BYTES);
        fdatasyncSync(file);
        return this.#env.now() - begin;
      });
      return spreadOf(times).median;
    } finally {
      closeSync(file);
    }
  }
}

/** Ticks of all cores together; null: there is no /proc. */
function cpuTimes(): { readonly all: number; readonly steal: number } | null {
  try {
    const [all = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
    const ticks = all.split(/\s+/).slice(1, 9).map(Number);
    return { all: ticks.reduce((sum, one) => sum + one, 0), steal: ticks[7] ?? 0 };
  } catch {
    return null;
  }
}
