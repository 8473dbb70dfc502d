// Everything bad that happens in a run, at times drawn from the seed. A fault begins, lasts for a while and is undone; at
// the end all of them are. fault-kinds.ts has what each of them does.

import type { Cluster } from './cluster.ts';
import { FAULT_KINDS, type FaultKind } from './fault-kinds.ts';
import type { NodeProcess } from './node-process.ts';

/** So many last at the same time at most. */
const AT_ONCE = 4;
/** Whoever is down for its own reasons is looked for so often, ms. */
const REVIVE_MS = 300;

interface Lasting {
  readonly kind: string;
  readonly undo: () => void;
}

export class FaultPlan {
  /** Begun so far. */
  count = 0;
  readonly #cluster: Cluster;
  readonly #lasting = new Set<Lasting>();
  /** Nodes whose start is due. */
  readonly #starting = new Set<NodeProcess>();
  #over = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  begin(): void {
    const { clock } = this.#cluster.world;
    if (this.#cluster.world.clockDrift > 0) this.#cluster.world.story.count('fault clocks-drift');
    clock.after(REVIVE_MS, () => this.#revive());
    this.#next();
  }

  #next(): void {
    const { world, settings } = this.#cluster;
    world.clock.after(settings.faultEveryMs * world.between(0.1, 1.9), () => {
      if (this.#over) return;
      if (this.#lasting.size < AT_ONCE) this.#strike(world.rng.pick(FAULT_KINDS));
      this.#next();
    });
  }

  #strike(kind: FaultKind): void {
    const { world } = this.#cluster;
    const fault = kind.strike(this.#cluster);
    if (fault === null) return;
    this.count++;
    const lastsMs = world.between(0.1, 1) * world.rng.pick(kind.lastsMs);
    world.story.count(`fault ${kind.name}`);
    world.story.tell('FAULT', `${kind.name}: ${fault.text}, for ${Math.round(lastsMs)} ms`, true);
    const lasting: Lasting = {
      kind: kind.name,
      undo: () => {
        if (!this.#lasting.delete(lasting)) return;
        world.story.tell('FAULT', `${kind.name}: ${fault.text}: over`);
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
