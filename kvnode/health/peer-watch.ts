// Which live nodes this node has had no connection with for a while. It counts checks, not time: after a pause of this process,
// connections that the others closed meanwhile are opened again before they count as lost.

import type { Logger } from '../../common/base/log.ts';
import type { NodeId } from '../../common/model/ids.ts';
import type { LiveNode } from '../../common/model/records.ts';

/** A node is unreachable after this many checks in a row without a connection. */
export const CHECKS_UNTIL_UNREACHABLE = 10;

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
  /** Checks in a row without a connection. */
  readonly #failedChecks = new Map<NodeId, number>();

  constructor(options: PeerWatchOptions) {
    this.#options = options;
  }

  /** Sorted. */
  get unreachable(): readonly NodeId[] {
    return [...this.#failedChecks]
      .flatMap(([node, failed]) => (failed >= CHECKS_UNTIL_UNREACHABLE ? [node] : []))
      .sort();
  }

  /** To be called at regular intervals. */
  check(): void {
    const { self, live, isOpen, logger } = this.#options;
    const nodes = live();
    for (const node of this.#failedChecks.keys()) if (!nodes.has(node)) this.#failedChecks.delete(node);
    for (const [node, { name, address }] of nodes) {
      if (node === self) continue;
      const before = this.#failedChecks.get(node) ?? 0;
      const failed = isOpen(node) ? 0 : before + 1;
      if (failed === CHECKS_UNTIL_UNREACHABLE)
        logger.warn({ node, name, address }, 'no connection to a live node');
      if (failed === 0 && before >= CHECKS_UNTIL_UNREACHABLE)
        logger.info({ node, name, address }, 'connected to a node again');
      this.#failedChecks.set(node, failed);
    }
  }
}
