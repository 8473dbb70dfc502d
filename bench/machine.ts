// What a run ran on, and how quiet it was there: without these a figure says nothing.

import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, readFileSync, statfsSync, writeSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import type { Env } from '../common/base/env.ts';
import { spreadOf } from './stats/summary.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  /** Of the data, by its number in statfs. */
  readonly filesystem: string;
  /** A sync there costs nothing, so figures of durable writes are worth nothing. */
  readonly isMemory: boolean;
  readonly node: string;
  readonly peers: Readonly<Record<string, string>>;
}

const FILESYSTEMS = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x2fc12fc1, 'zfs'],
  [0x794c7630, 'overlay'],
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
]);
const IN_MEMORY = ['tmpfs', 'ramfs'];

/** `peers`: what answers to which command line. */
export function describeMachine(
  directory: string,
  peers: readonly {
    readonly name: string;
    readonly program: string | null;
    readonly args: readonly string[];
  }[],
): Machine {
  const number = statfsSync(directory).type;
  const filesystem = FILESYSTEMS.get(number) ?? `0x${number.toString(16)}`;
  const versions = peers.map(({ name, program, args }) => [
    name,
    program === null ? 'absent' : saidBy(program, args),
  ]);
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    filesystem,
    isMemory: IN_MEMORY.includes(filesystem),
    node: process.version,
    peers: Object.fromEntries(versions),
  };
}

/** The first line. */
function saidBy(program: string, args: readonly string[]): string {
  try {
    return (
      execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).split('\n')[0] ??
      ''
    );
  } catch {
    return 'of unknown version';
  }
}

/** One look at how fast the machine is just now. */
export interface Calm {
  /** Turns of a fixed loop, millions a second. */
  readonly loop: number;
  /** Median of some fdatasyncs of 4 KiB in a preallocated file, ms. */
  readonly syncMs: number;
  /** Load average of a minute. */
  readonly load: number;
  /** Share of CPU time that the hypervisor took away since the last look. */
  readonly steal: number | null;
}

const LOOP_TURNS = 4_000_000;
const SYNCS = 15;
const BLOCK = 4_096;

export class CalmMeter {
  readonly #env: Env;
  readonly #file: string;
  #before = cpuTimes();

  constructor(env: Env, directory: string) {
    this.#env = env;
    this.#file = join(directory, 'calibration');
  }

  look(): Calm {
    const times = cpuTimes();
    const all = times === null || this.#before === null ? 0 : times.all - this.#before.all;
    const steal =
      times === null || this.#before === null || all <= 0 ? null : (times.steal - this.#before.steal) / all;
    this.#before = times;
    return { loop: this.#loop(), syncMs: this.#sync(), load: loadavg()[0] ?? 0, steal };
  }

  #loop(): number {
    const begin = this.#env.now();
    let mixed = 1;
    for (let i = 0; i < LOOP_TURNS; i++) mixed = Math.imul(mixed ^ i, 0x9e3779b1);
    const ms = this.#env.now() - begin;
    // The result is used, or the loop might be left out.
    return LOOP_TURNS / ms / 1_000 + (mixed === 0 ? 1 : 0);
  }

  #sync(): number {
    const file = openSync(this.#file, 'w');
    try {
      const block = Buffer.alloc(BLOCK, 1);
      writeSync(file, Buffer.alloc(BLOCK * SYNCS));
      fdatasyncSync(file);
      const times: number[] = [];
      for (let i = 0; i < SYNCS; i++) {
        const begin = this.#env.now();
        writeSync(file, block, 0, BLOCK, i * BLOCK);
        fdatasyncSync(file);
        times.push(this.#env.now() - begin);
      }
      return spreadOf(times).median;
    } finally {
      closeSync(file);
    }
  }
}

function cpuTimes(): { readonly all: number; readonly steal: number } | null {
  try {
    const values = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '')
      .split(/\s+/)
      .slice(1, 9)
      .map(Number);
    return { all: values.reduce((sum, value) => sum + value, 0), steal: values[7] ?? 0 };
  } catch {
    return null;
  }
}
