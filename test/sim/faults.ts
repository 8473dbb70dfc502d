// Everything bad that happens in a run, at times drawn from the seed. A fault begins, lasts for a while and is undone; at
// the end all of them are. fault-kinds.ts has what each of them does. Each fault has a number, and its time, its kind and
// its victim come from the seed and that number alone, so that a run with some of them left out is still the same plan.

import { FAULT_KINDS } from './fault-kinds.ts';
import type { NodeProcess } from './node-process.ts';
import type { Cluster } from './sim-cluster.ts';
import { Dice } from './world/dice.ts';

/** So many last at the same time at most. */
const AT_ONCE = 4;
/** Whoever is down for its own reasons is looked for so often, ms. */
const REVIVE_MS = 300;

interface Lasting {
  readonly undo: () => void;
}

export class FaultPlan {
  /** The numbers of those that have begun. */
  readonly begun: number[] = [];
  /** The number of the next one. */
  next = 0;
  readonly #cluster: Cluster;
  /** Null: all of them. */
  readonly #only: ReadonlySet<number> | null;
  readonly #lasting = new Set<Lasting>();
  /** Nodes whose start is due. */
  readonly #starting = new Set<NodeProcess>();
  #over = false;

  constructor(cluster: Cluster, only: readonly number[] | null) {
    this.#cluster = cluster;
    this.#only = only === null ? null : new Set(only);
  }

  begin(): void {
    const { clock } = this.#cluster.world;
    if (this.#cluster.world.clockDrift > 0) this.#cluster.world.story.count('fault clocks-drift');
    clock.after(REVIVE_MS, () => this.#revive());
    this.#await();
  }

  #await(): void {
    const { world, settings } = this.#cluster;
    const dice = diceOf(world.seed, this.next);
    world.clock.after(settings.faultEveryMs * dice.between(0.1, 1.9), () => {
      if (this.#over) return;
      const number = this.next++;
      if (this.#lasting.size < AT_ONCE && (this.#only?.has(number) ?? true)) this.#strike(number, dice);
      this.#await();
    });
  }

  #strike(number: number, dice: Dice): void {
    const { world } = this.#cluster;
    const kind = dice.rng.pick(FAULT_KINDS);
    const fault = kind.strike(this.#cluster, dice);
    if (fault === null) return;
    this.begun.push(number);
    const lastsMs = dice.between(0.1, 1) * dice.rng.pick(kind.lastsMs);
    const text = `#${number} ${kind.name}: ${fault.text}`;
    world.story.count(`fault ${kind.name}`);
    world.story.tell('FAULT', `${text}, for ${Math.round(lastsMs)} ms`, true);
    const lasting: Lasting = {
      undo: () => {
        if (!this.#lasting.delete(lasting)) return;
        world.story.tell('FAULT', `${text}: over`);
        fault.undo();
      },
    };
    this.#lasting.add(lasting);
    world.clock.after(lastsMs, lasting.undo);
  }

  /** Nodes that ended because of their disks, or by a stop, start again in a while; also one that still stops as all heals. */
  #revive(): void {
    const { world, nodes } = this.#cluster;
    for (const node of nodes) {
      if (node.busy || node.down || this.#starting.has(node)) continue;
      this.#starting.add(node);
      world.clock.after(world.between(50, 3_000), () => {
        if (this.#starting.delete(node) && !node.busy && !node.down) node.start();
      });
    }
    world.clock.after(REVIVE_MS, () => this.#revive());
  }

  /** All faults are undone, everybody runs. */
  heal(): void {
    this.#over = true;
    for (const { undo } of [...this.#lasting]) undo();
    const { nodes, coordinators, clients, ensemble } = this.#cluster;
    for (const server of ensemble.servers) ensemble.rejoin(server);
    for (const { host } of [...nodes, ...coordinators, ...clients])
      if (host.process.paused) host.process.resume();
    for (const node of nodes) {
      node.disk.mend();
      if (!node.busy) node.start();
    }
    for (const one of [...coordinators, ...clients]) if (!one.host.process.alive) one.start();
  }
}

/** Of one fault alone. */
function diceOf(seed: number, number: number): Dice {
  return new Dice((Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) >>> 0);
}
