// What this client has measured of each node: its round trip time, and whether it is unresponsive. Fallback reads skip an
// unresponsive owner, except for a probe now and then, until it answers again.

import type { Env } from '../common/base/env.ts';
import type { NodeId } from '../common/model/ids.ts';

/** How often an unresponsive node is probed. */
const PROBE_MS = 100;
/** Weight of a new round trip in the running mean. */
const WEIGHT = 0.2;

interface Health {
  /** Running mean, ms; null before the first answer. */
  roundTripMs: number | null;
  /** When an unresponsive node is due for a probe, an instant of Env.now(); null: the node is responsive. */
  probeAt: number | null;
}

export class NodeHealth {
  readonly #env: Env;
  readonly #nodes = new Map<NodeId, Health>();

  constructor(env: Env) {
    this.#env = env;
  }

  answered(node: NodeId, roundTripMs: number): void {
    const health = this.#of(node);
    const mean = health.roundTripMs;
    health.roundTripMs = mean === null ? roundTripMs : mean + WEIGHT * (roundTripMs - mean);
    health.probeAt = null;
  }

  /** A new connection to the node has completed its handshake. */
  returned(node: NodeId): void {
    this.#of(node).probeAt = null;
  }

  markUnresponsive(node: NodeId): void {
    this.#of(node).probeAt ??= this.#env.now() + PROBE_MS;
  }

  isUnresponsive(node: NodeId): boolean {
    return (this.#nodes.get(node)?.probeAt ?? null) !== null;
  }

  /** Whether an unresponsive node is due for a probe. If so, the probe counts as sent. */
  takeProbe(node: NodeId): boolean {
    const health = this.#of(node);
    const now = this.#env.now();
    if (health.probeAt === null || now < health.probeAt) return false;
    health.probeAt = now + PROBE_MS;
    return true;
  }

  /**
   * The round trip time, in whole ms so that nodes that are about equally near share the reads; 0 before the first answer, so that
   * each node is tried.
   */
  distance(node: NodeId): number {
    return Math.floor(this.#nodes.get(node)?.roundTripMs ?? 0);
  }

  #of(node: NodeId): Health {
    let health = this.#nodes.get(node);
    if (health === undefined) {
      health = { roundTripMs: null, probeAt: null };
      this.#nodes.set(node, health);
    }
    return health;
  }
}
