// What this client has felt of each node: how far away it is, and whether it has gone silent. A silent owner is passed
// over by fallback reads, but for a probe now and then, until it says anything again.

import type { Env } from '../common/base/env.ts';
import type { NodeId } from '../common/model/ids.ts';

/** A silent node is asked again this often. */
const PROBE_MS = 100;
/** Weight of a new round trip in the running mean. */
const WEIGHT = 0.2;

interface Health {
  /** Running mean, ms; null before the first answer. */
  roundTripMs: number | null;
  /** The node counts as silent; it is due for a probe at this instant. Null: it answers. */
  probeAt: number | null;
}

export class NodeHealth {
  private readonly env: Env;
  private readonly nodes = new Map<NodeId, Health>();

  constructor(env: Env) {
    this.env = env;
  }

  answered(node: NodeId, roundTripMs: number): void {
    const health = this.of(node);
    const mean = health.roundTripMs;
    health.roundTripMs = mean === null ? roundTripMs : mean + WEIGHT * (roundTripMs - mean);
    health.probeAt = null;
  }

  /** The node is there again: a new connection has shaken hands. */
  returned(node: NodeId): void {
    this.of(node).probeAt = null;
  }

  wentSilent(node: NodeId): void {
    this.of(node).probeAt ??= this.env.now() + PROBE_MS;
  }

  isSilent(node: NodeId): boolean {
    return (this.nodes.get(node)?.probeAt ?? null) !== null;
  }

  /** Whether to ask a silent node along with another one; true counts as asking. */
  takeProbe(node: NodeId): boolean {
    const health = this.of(node);
    const now = this.env.now();
    if (health.probeAt === null || now < health.probeAt) return false;
    health.probeAt = now + PROBE_MS;
    return true;
  }

  /** Whole ms, so that nodes equally near share the reads; 0 before the first answer, so that each is tried. */
  distance(node: NodeId): number {
    return Math.floor(this.nodes.get(node)?.roundTripMs ?? 0);
  }

  private of(node: NodeId): Health {
    let health = this.nodes.get(node);
    if (health === undefined) {
      health = { roundTripMs: null, probeAt: null };
      this.nodes.set(node, health);
    }
    return health;
  }
}
