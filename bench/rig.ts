// The processes of a run: the servers of each contender, which start when a workload first needs them, and the load programs.

import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { realEnv } from '../common/base/env.ts';
import type { DriverSpec } from './load/driver.ts';
import { LoadProgram } from './load/load-program.ts';
import type { Calibrator, Programs } from './machine.ts';
import type { Profiler } from './profile/profiler.ts';

/** How much a run does. */
export interface Scale {
  readonly name: 'quick' | 'full';
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly ms: number;
  /** Length of a sustained load, ms. */
  readonly sustainedMs: number;
  /** Number of keys that are loaded under PREFIX. */
  readonly keys: number;
  /** The same for ZooKeeper, which keeps every znode on its heap. */
  readonly zookeeperKeys: number;
  /** Number of keys of each contender that are read back after each workload. */
  readonly verified: number;
}

export const QUICK: Scale = {
  ...{ name: 'quick', rounds: 3, warmUpMs: 150, ms: 400, sustainedMs: 5_000 },
  ...{ keys: 20_000, zookeeperKeys: 5_000, verified: 2_000 },
};

export const FULL: Scale = {
  ...{ name: 'full', rounds: 5, warmUpMs: 300, ms: 1_500, sustainedMs: 60_000 },
  ...{ keys: 1_000_000, zookeeperKeys: 100_000, verified: 20_000 },
};

export const VALUE_BYTES = 100;
export const PREFIX = 'user';

interface Stoppable {
  stop(): Promise<void>;
}

export type RigOptions = Pick<Rig, 'scale' | 'directory' | 'programs' | 'calibrator' | 'profiler' | 'say'>;

export class Rig {
  readonly scale: Scale;
  /** The folder for data and logs, which is removed after the run. */
  readonly directory: string;
  readonly programs: Programs;
  readonly calibrator: Calibrator;
  /** Null: no profiles are requested. */
  readonly profiler: Profiler | null;
  /** Prints a line. */
  readonly say: (line: string) => void;
  /** Which processes were warmed up for which mix (before-slot.ts). */
  readonly warm = new Set<string>();
  /** Servers by name, load programs by the name of their server, a space and their driver; in the order of their starts. */
  readonly #running = new Map<string, Promise<Stoppable>>();
  readonly #leftOut = new Set<string>();

  constructor(options: RigOptions) {
    this.scale = options.scale;
    this.directory = options.directory;
    this.programs = options.programs;
    this.calibrator = options.calibrator;
    this.profiler = options.profiler;
    this.say = options.say;
  }

  /** Returns what runs under this name. Otherwise calls `start`, which starts and fills it, with a new folder for its data. */
  start<T extends Stoppable>(name: string, start: (folder: string) => Promise<T>): Promise<T> {
    return this.#once(name, async () => {
      const begin = realEnv.now();
      const started = await start(mkdtempSync(join(this.directory, `${name}-`)));
      this.say(`  ${name}: started and filled after ${((realEnv.now() - begin) / 1_000).toFixed(1)} s`);
      return started;
    });
  }

  /** The load program with this driver; the same driver always gets the same program. */
  program(server: string, driver: DriverSpec): Promise<LoadProgram> {
    return this.#once(programName(server, driver), async () => {
      const isProfiled = driver.kind === 'rangekeeper';
      const program = new LoadProgram(isProfiled ? this.profiler?.environment('load') : {});
      await program.call('open', driver);
      return program;
    });
  }

  dismiss(server: string, driver: DriverSpec): Promise<void> {
    return this.#stop(programName(server, driver));
  }

  /** If profiles are requested, runs `action` and takes them (Profiler.profile). To be called after the measurements. */
  async profile(
    title: string,
    pids: readonly number[],
    action: () => Promise<unknown>,
  ): Promise<string | null> {
    return this.profiler === null ? null : this.profiler.profile(title, pids, action);
  }

  /** Prints, once for each peer, that it is not measured. */
  leaveOut(peer: string, needs: string): null {
    if (!this.#leftOut.has(peer)) this.say(`  ${peer} is left out: it needs ${needs}`);
    this.#leftOut.add(peer);
    return null;
  }

  /** Stops all but this server and its load programs, because idle processes also cost time. All can be started again. */
  async keepOnly(server: string | null): Promise<void> {
    // Programs start after their servers and stop before them.
    for (const name of [...this.#running.keys()].reverse())
      if (server === null || (name !== server && !name.startsWith(`${server} {`))) await this.#stop(name);
  }

  stop(): Promise<void> {
    return this.keepOnly(null);
  }

  async #stop(name: string): Promise<void> {
    const running = await this.#running.get(name)?.catch(() => null);
    this.#running.delete(name);
    await running?.stop();
  }

  #once<T extends Stoppable>(name: string, start: () => Promise<T>): Promise<T> {
    const known = this.#running.get(name);
    if (known !== undefined) return known as Promise<T>;
    const starting = start();
    this.#running.set(name, starting);
    return starting;
  }
}

function programName(server: string, driver: DriverSpec): string {
  return `${server} ${JSON.stringify(driver)}`;
}
