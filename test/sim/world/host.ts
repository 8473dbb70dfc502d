// A machine with a clock that runs at its own rate, and the processes that run on it one after the other. All that reaches
// a process goes through its gate, so that it can be paused (everything waits) or killed (nothing of it happens any more).

import type { Env, Timer } from '../../../common/base/env.ts';
import type { Logger } from '../../../common/base/log.ts';
import type { World } from './world.ts';

type Input = 'timer' | 'other';

interface Held {
  readonly input: Input;
  readonly run: () => void;
}

/** How late a turn of the event loop may come, ms. */
const TURN_MS = 0.05;

export class Host {
  readonly name: string;
  /** What the network knows it by: two hosts of one machine are reached, or not, alike. */
  readonly machine: string;
  readonly world: World;
  readonly index: number;
  /** Seconds of its own clock in a second of the world. */
  readonly rate: number;
  readonly logger: Logger;
  readonly #base: number;
  /** The newest process; it may be dead. */
  process: Process;

  constructor(world: World, name: string, index: number, machine: string) {
    this.name = name;
    this.machine = machine;
    this.world = world;
    this.index = index;
    this.rate = 1 + (world.random() - 0.5) * 2 * world.clockDrift;
    this.#base = 1_000 + Math.floor(world.random() * 1_000_000);
    this.logger = world.story.logger(name);
    this.process = new Process(this);
  }

  /** Its monotonic clock. */
  now(): number {
    return this.#base + this.world.clock.now * this.rate;
  }

  /** A new process in place of the dead one. */
  boot(): Process {
    this.process.kill('silent');
    this.process = new Process(this);
    return this.process;
  }
}

export class Process {
  readonly host: Host;
  readonly env: Env;
  readonly #world: World;
  #alive = true;
  #held: Held[] | null = null;
  /** Called once when something in it was not caught; it is dead by then. */
  onCrash: (error: unknown) => void = () => {};

  constructor(host: Host) {
    this.host = host;
    this.#world = host.world;
    this.env = this.#makeEnv();
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#held !== null;
  }

  /** `task` in this process: later if it is paused, never if it is dead. */
  gate(task: () => void, input: Input = 'other'): () => void {
    const run = () => {
      if (!this.#alive) return;
      if (this.#held !== null) this.#held.push({ input, run });
      else this.#run(task);
    };
    return run;
  }

  #run(task: () => void): void {
    this.#world.running = this;
    this.#world.clock.mark(this.host.index);
    try {
      task();
    } catch (error) {
      this.crash(error);
    }
  }

  /** What nobody caught ends a process. */
  crash(error: unknown): void {
    if (!this.#alive) return;
    this.kill('told');
    this.onCrash(error);
  }

  /** `ms` of the world's time. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#world.clock.after(ms, this.gate(resolve));
    });
  }

  /** `told`: its machine lives on and resets its connections. `silent`: nobody hears of it. */
  kill(how: 'told' | 'silent'): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#held = null;
    this.#world.network.processDied(this.host.name, how === 'told');
  }

  pause(): void {
    this.#held ??= [];
  }

  /** What waited comes at once; one that wakes up looks at its timers first, mostly. */
  resume(): void {
    const held = this.#held ?? [];
    this.#held = null;
    const timers = held.filter(({ input }) => input === 'timer');
    const others = held.filter(({ input }) => input !== 'timer');
    const order = this.#world.chance(0.7) ? [...timers, ...others] : held;
    for (const { run } of order) this.#world.clock.after(0, run);
  }

  #makeEnv(): Env {
    const world = this.#world;
    const { host } = this;
    return {
      now: () => host.now(),
      wallNow: () => 1_700_000_000_000 + Math.floor(world.clock.now),
      after: (ms, task): Timer => world.clock.after(ms / host.rate, this.gate(task, 'timer')),
      soon: (task) => void world.clock.after(world.random() * TURN_MS, this.gate(task)),
      random: () => world.random(),
      randomBytes: (length) => Uint8Array.from({ length }, () => world.rng.below(256)),
    };
  }
}
