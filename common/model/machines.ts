// Which nodes fail together: those of one machine. The host of a node's address names its machine. A loopback address is one that only
// its own machine can reach, so such a cluster was set up to try things out: there each node stands for a machine.

import { readAddress } from './address.ts';
import type { NodeId } from './ids.ts';

export interface PlacedNode {
  readonly id: NodeId;
  /** `host:port`; null: not known, for example because the node is down. */
  readonly address: string | null;
}

export class Machines {
  /** Whether several nodes run on this very machine and each counts as a machine of its own. */
  readonly nodesCountAsMachines: boolean;
  readonly #names = new Map<NodeId, string>();

  constructor(nodes: readonly PlacedNode[]) {
    let local = 0;
    for (const { id, address } of nodes) {
      const host = address === null ? undefined : readAddress(address, null)?.host;
      if (host === undefined) continue;
      if (isLoopback(host)) local++;
      else this.#names.set(id, `host ${host}`);
    }
    this.nodesCountAsMachines = local > 1;
  }

  /** A name that all nodes of one machine have in common. */
  of(node: NodeId): string {
    return this.#names.get(node) ?? node;
  }
}

/** Whether only its own machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
