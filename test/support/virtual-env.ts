// An Env whose clock moves only when a test says so. Timers run in the order of their times, those of one time in the order of
// their creation. Between two of them all promises that can settle settle. Random numbers come from a seed.

import type { Env, Timer } from '../../common/base/env.ts';
import { type Rng, seededRng } from './rng.ts';

interface Task {
  readonly at: number;
  readonly run: () => void;
}

export class VirtualEnv implements Env {
  private clock = 1_000;
  private tasks: Task[] = [];
  private turn: (() => void)[] = [];
  private readonly rng: Rng;

  constructor(seed = 1) {
    this.rng = seededRng(seed);
  }

  now(): number {
    return this.clock;
  }

  wallNow(): number {
    return 1_700_000_000_000 + this.clock;
  }

  after(ms: number, run: () => void): Timer {
    const task = { at: this.clock + Math.max(0, ms), run };
    let index = this.tasks.length;
    while (index > 0 && (this.tasks[index - 1] as Task).at > task.at) index--;
    this.tasks.splice(index, 0, task);
    return {
      cancel: () => {
        this.tasks = this.tasks.filter((other) => other !== task);
      },
    };
  }

  soon(task: () => void): void {
    this.turn.push(task);
  }

  random(): number {
    return this.rng.below(2 ** 32) / 2 ** 32;
  }

  randomBytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.rng.below(256));
  }

  /** Lets `ms` of virtual time pass. */
  async run(ms: number): Promise<void> {
    const end = this.clock + ms;
    await this.settle();
    for (let next = this.tasks[0]; next !== undefined && next.at <= end; next = this.tasks[0]) {
      this.tasks.shift();
      this.clock = Math.max(this.clock, next.at);
      next.run();
      await this.settle();
    }
    this.clock = end;
  }

  /** Time passes while the process is paused: nothing runs, and timers that become due run late. */
  stall(ms: number): void {
    this.clock += ms;
  }

  /** Lets virtual time pass until `promise` settles. Rejects after `limitMs`. */
  async until<T>(promise: Promise<T>, limitMs = 60_000): Promise<T> {
    let settled = false;
    const watch = () => {
      settled = true;
    };
    promise.then(watch, watch);
    const end = this.clock + limitMs;
    await this.settle();
    while (!settled) {
      const next = this.tasks[0];
      if (next === undefined || next.at > end)
        throw new Error(`not settled within ${limitMs} ms of virtual time`);
      await this.run(next.at - this.clock);
    }
    return promise;
  }

  /** Runs everything that is due now, including promises. */
  private async settle(): Promise<void> {
    do {
      await new Promise((resolve) => setImmediate(resolve));
      for (const task of this.turn.splice(0)) task();
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.turn.length > 0);
  }
}

/** Runs `task` when every promise that can settle has settled. */
export function afterPromises(task: () => void): void {
  setImmediate(task);
}
