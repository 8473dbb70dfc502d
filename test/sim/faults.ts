// Begins and ends the faults of a run, at times drawn from the seed. A fault lasts for a while and is then undone; at the end
// of the run all faults are undone. fault-kinds.ts says what each kind does. Each fault has a number. Its time, its kind and its
// target depend only on the seed and on that number, so the plan stays the same when some faults are left out.

import { FAULT_KINDS } from './fault-kinds.ts';
import type { NodeProcess } from './node-process.ts';
import type { Cluster } from './sim-cluster.ts';
import { Dice } from './world/dice.ts';

/** The maximum number of faults that are active at the same time. */
const ACTIVE_MAX = 4;
/** Interval of the search for nodes that have ended although no fault keeps them down, ms. */
const RESTART_CHECK_MS = 300;

interface ActiveFault {
  readonly undo: () => void;
}

export class FaultPlan {
  /** The numbers of the faults that have begun. */
  readonly begun: number[] = [];
  /** The number of the next fault. */
  next = 0;
  readonly #cluster: Cluster;
  /** The numbers of the faults that may begin; null: all. */
  readonly #only: ReadonlySet<number> | null;
  readonly #active = new Set<ActiveFault>();
  /** Nodes whose start is scheduled. */
  readonly #starting = new Set<NodeProcess>();
  #over = false;

  constructor(cluster: Cluster, only: readonly number[] | null) {
    this.#cluster = cluster;
    this.#only = only === null ? null : new Set(only);
  }

  begin(): void {
    const { clock } = this.#cluster.world;
    if (this.#cluster.world.clockDrift > 0) this.#cluster.world.story.count('fault clocks-drift');
    clock.after(RESTART_CHECK_MS, () => this.#restartEnded());
    this.#await();
  }

  #await(): void {
    const { world, settings } = this.#cluster;
    const dice = diceOf(world.seed, this.next);
    world.clock.after(settings.faultEveryMs * dice.between(0.1, 1.9), () => {
      if (this.#over) return;
      const number = this.next++;
      if (this.#active.size < ACTIVE_MAX && (this.#only?.has(number) ?? true)) this.#strike(number, dice);
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
    world.story.record('FAULT', `${text}, for ${Math.round(lastsMs)} ms`, true);
    const active: ActiveFault = {
      undo: () => {
        if (!this.#active.delete(active)) return;
        world.story.record('FAULT', `${text}: over`);
        fault.undo();
      },
    };
    this.#active.add(active);
    world.clock.after(lastsMs, active.undo);
  }

  /**
   * Nodes that ended because of their disks, or by a stop, start again after a while. This continues after heal(), for a node
   * that was still stopping then.
   */
  #restartEnded(): void {
    const { world, nodes } = this.#cluster;
    for (const node of nodes) {
      if (node.busy || node.down || this.#starting.has(node)) continue;
      this.#starting.add(node);
      world.clock.after(world.between(50, 3_000), () => {
        if (this.#starting.delete(node) && !node.busy && !node.down) node.start();
      });
    }
    world.clock.after(RESTART_CHECK_MS, () => this.#restartEnded());
  }

  /** Undoes all faults and starts or resumes every process. */
  heal(): void {
    this.#over = true;
    for (const { undo } of [...this.#active]) undo();
    const { nodes, coordinators, clients, ensemble } = this.#cluster;
    for (const server of ensemble.servers) ensemble.rejoin(server);
    for (const { host } of [...nodes, ...coordinators, ...clients])
      if (host.process.paused) host.process.resume();
    for (const node of nodes) {
      node.disk.repair();
      if (!node.busy) node.start();
    }
    for (const one of [...coordinators, ...clients]) if (!one.host.process.alive) one.start();
  }
}

/** The random numbers of one fault. */
function diceOf(seed: number, number: number): Dice {
  return new Dice((Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) >>> 0);
}
