// The name and the colour of each node on the page.

import type { NodeId } from '../../../common/model/ids.ts';
import type { NodeRow } from '../../feed.ts';

const COLOURS = 8;

export class Names {
  readonly #rows = new Map<NodeId, { readonly row: NodeRow; readonly index: number }>();

  /** The place of a node in the feed, which orders nodes by name, decides its colour. */
  constructor(nodes: readonly NodeRow[]) {
    nodes.forEach((row, index) => {
      this.#rows.set(row.id, { row, index });
    });
  }

  of(node: NodeId): string {
    return this.#rows.get(node)?.row.name ?? node;
  }

  /** Replaces node ids in a sentence with names. `name (id)` becomes just the name. */
  inText(text: string): string {
    const named = text.replace(/(\S+) \((n-[0-9a-f]{16})\)/g, (both, name: string, node: string) =>
      name === this.of(node) ? name : both,
    );
    return named.replace(/\bn-[0-9a-f]{16}\b/g, (node) => this.of(node));
  }

  alive(node: NodeId): boolean {
    return this.#rows.get(node)?.row.alive ?? false;
  }

  /** Whether the node is alive and other nodes have no connection with it. */
  unreachable(node: NodeId): boolean {
    return (this.#rows.get(node)?.row.unreachable ?? null) !== null;
  }

  /** The CSS class that sets the colour `--node`. */
  colour(node: NodeId): string {
    const index = this.#rows.get(node)?.index;
    return index === undefined ? 'node-none' : `node-${index % COLOURS}`;
  }
}
