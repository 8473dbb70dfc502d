// Which live nodes this node has no connection with, and has not had for a while. Counted in looks, not in time: after a pause of
// this process the connections that others closed meanwhile are made again before they count as lost.

import type { Logger } from '../../common/base/log.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { LiveNode } from '../../common/model/records.ts';

/** Looks in a row that must find no connection. */
export const LOOKS_WITHOUT = 10;

export interface PeerWatchOptions {
  readonly self: NodeId;
  readonly logger: Logger;
  /** Nodes with a live session. */
  readonly live: () => ReadonlyMap<NodeId, LiveNode>;
  /** Whether a connection to the node is open, with the handshake done. */
  readonly isOpen: (node: NodeId) => boolean;
}

export class PeerWatch {
  readonly #options: PeerWatchOptions;
  /** Looks in a row without a connection. */
  readonly #without = new Map<NodeId, number>();

  constructor(options: PeerWatchOptions) {
    this.#options = options;
  }

  /** Sorted. */
  get unreachable(): readonly NodeId[] {
    return [...this.#without].flatMap(([node, looks]) => (looks >= LOOKS_WITHOUT ? [node] : [])).sort();
  }

  /** To be called at regular times. */
  look(): void {
    const { self, live, isOpen, logger } = this.#options;
    const nodes = live();
    for (const node of this.#without.keys()) if (!nodes.has(node)) this.#without.delete(node);
    for (const [node, { name, address }] of nodes) {
      if (node === self) continue;
      const looks = isOpen(node) ? 0 : (this.#without.get(node) ?? 0) + 1;
      if (looks === LOOKS_WITHOUT) logger.warn({ node, name, address }, 'no connection to a live node');
      if (looks === 0 && (this.#without.get(node) ?? 0) >= LOOKS_WITHOUT)
        logger.info({ node, name, address }, 'connected to a node again');
      this.#without.set(node, looks);
    }
  }
}
