// What a node is called and which colour it has, everywhere on the page.

import type { NodeId } from '../../../common/model/ids.ts';
import type { NodeRow } from '../../feed.ts';

const COLOURS = 8;

export class Names {
  readonly #rows = new Map<NodeId, { readonly row: NodeRow; readonly index: number }>();

  /** Colours go by place in the feed's order of nodes, which is by name. */
  constructor(nodes: readonly NodeRow[]) {
    nodes.forEach((row, index) => {
      this.#rows.set(row.id, { row, index });
    });
  }

  of(node: NodeId): string {
    return this.#rows.get(node)?.row.name ?? node;
  }

  /** A sentence with names in place of node ids, once where it has both. */
  inText(text: string): string {
    const named = text.replace(/(\S+) \((n-[0-9a-f]{16})\)/g, (both, name: string, node: string) =>
      name === this.of(node) ? name : both,
    );
    return named.replace(/\bn-[0-9a-f]{16}\b/g, (node) => this.of(node));
  }

  alive(node: NodeId): boolean {
    return this.#rows.get(node)?.row.alive ?? false;
  }

  /** It is alive, and others have no connection with it. */
  unreachable(node: NodeId): boolean {
    return (this.#rows.get(node)?.row.unreachable ?? null) !== null;
  }

  /** A class that sets `--node`. */
  colour(node: NodeId): string {
    const index = this.#rows.get(node)?.index;
    return index === undefined ? 'node-none' : `node-${index % COLOURS}`;
  }
}
