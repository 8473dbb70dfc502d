// One world of the simulator: a clock, random numbers, a network and hosts. Everything in it depends on one seed.

import { Clock } from './clock.ts';
import { Dice } from './dice.ts';
import { Host, type Process } from './host.ts';
import { Network } from './network.ts';
import { Story } from './story.ts';

export class World extends Dice {
  readonly seed: number;
  readonly clock = new Clock();
  readonly story = new Story(this.clock);
  readonly network = new Network(this);
  /** The clocks of hosts run at rates of 1 plus or minus this. */
  readonly clockDrift: number;
  /** The process whose code ran last. */
  running: Process | null = null;
  readonly violations: string[] = [];
  readonly #hosts = new Map<string, Host>();

  constructor(seed: number) {
    super(seed);
    this.seed = seed;
    this.clockDrift = this.rng.pick([0, 0.001, 0.01]);
  }

  get hosts(): readonly Host[] {
    return [...this.#hosts.values()];
  }

  makeHost(name: string, machine = name): Host {
    const host = new Host(this, name, this.#hosts.size + 1, machine);
    this.#hosts.set(name, host);
    return host;
  }

  /** Lets virtual time pass until `promise` settles. Rejects after `limitMs`. */
  async until<T>(promise: Promise<T>, limitMs = 60_000): Promise<T> {
    let settled = false;
    const settle = () => {
      settled = true;
    };
    promise.then(settle, settle);
    const end = this.clock.now + limitMs;
    await this.clock.run(() => settled || this.clock.now >= end);
    if (!settled) throw new Error(`not settled within ${limitMs} ms of virtual time`);
    return promise;
  }

  /** Reports a violation of what the product promises. The first one ends the run. */
  violation(checker: string, text: string): void {
    this.story.record('CHECKER', `${checker}: ${text}`, true);
    this.violations.push(`${checker}: ${text}`);
  }
}
