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
  readonly #hosts = new Map<NodeId, string>();

  constructor(nodes: readonly PlacedNode[]) {
    for (const { id, address } of nodes) {
      const host = address === null ? undefined : readAddress(address, null)?.host;
      if (host !== undefined) this.#hosts.set(id, host);
    }
  }

  /** A name that all nodes of one machine have in common. */
  of(node: NodeId): string {
    const host = this.#hosts.get(node);
    return host === undefined || isLoopback(host) ? `node ${node}` : `host ${host}`;
  }

  /** Whether several nodes run on this very machine and each counts as a machine of its own. */
  get nodesCountAsMachines(): boolean {
    return [...this.#hosts.values()].filter(isLoopback).length > 1;
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
