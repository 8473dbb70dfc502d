// A host with a clock that runs at its own rate, and the processes that run on it one after the other. All input of a process
// goes through its gate, so a process can be paused (its input waits) or killed (its input is dropped).

import type { Env, Timer } from '../../../common/base/env.ts';
import type { Logger } from '../../../common/base/log.ts';
import type { World } from './world.ts';

type Input = 'timer' | 'other';

interface Held {
  readonly input: Input;
  readonly run: () => void;
}

/** Maximum delay of the next turn of the event loop, ms. */
const TURN_MS = 0.05;

export class Host {
  readonly name: string;
  /** Its name in cuts and delays of the network: these concern all hosts of a machine alike. */
  readonly machine: string;
  readonly world: World;
  readonly index: number;
  /** Seconds on its own clock per second of the world. */
  readonly rate: number;
  readonly logger: Logger;
  readonly #base: number;
  /** The newest process, which may be dead. */
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

  /** Its monotonic clock, ms. */
  now(): number {
    return this.#base + this.world.clock.now * this.rate;
  }

  /** Kills the process, if it still runs, and returns a new one. */
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
  /** Called once, when an error in it was not caught. The process is dead by then. */
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

  /** Returns a function that runs `task` in this process: after a pause if it is paused, never if it is dead. */
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

  /** Ends the process because of an error that nobody caught. */
  crash(error: unknown): void {
    if (!this.#alive) return;
    this.kill('reset');
    this.onCrash(error);
  }

  /** Resolves after `ms` of the world's time. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#world.clock.after(ms, this.gate(resolve));
    });
  }

  /** `reset`: its machine runs on and resets its connections. `silent`: the other ends only find out by a timeout. */
  kill(how: 'reset' | 'silent'): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#held = null;
    this.#world.network.processDied(this.host.name, how === 'reset');
  }

  pause(): void {
    this.#held ??= [];
  }

  /** All input that waited runs now. Mostly the timers run first, as in a real process that wakes up. */
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
