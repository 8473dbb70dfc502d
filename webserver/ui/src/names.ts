// The name and the colour of each node on the page.

import type { NodeId } from '../../../common/model/ids.ts';
import type { NodeRow } from '../../feed.ts';

const COLOURS = 8;

export class Names {
  readonly rows: ReadonlyMap<NodeId, NodeRow>;
  readonly #places: ReadonlyMap<NodeId, number>;

  /** The place of a node in the feed, which orders nodes by name, decides its colour. */
  constructor(nodes: readonly NodeRow[]) {
    this.rows = new Map(nodes.map((row) => [row.id, row]));
    this.#places = new Map(nodes.map(({ id }, place) => [id, place]));
  }

  of(node: NodeId): string {
    return this.rows.get(node)?.name ?? node;
  }

  /** Replaces node ids in a sentence with names. `name (id)` becomes just the name. */
  inText(text: string): string {
    const named = text.replace(/(\S+) \((n-[0-9a-f]{16})\)/g, (both, name: string, node: string) =>
      name === this.of(node) ? name : both,
    );
    return named.replace(/\bn-[0-9a-f]{16}\b/g, (node) => this.of(node));
  }

  alive(node: NodeId): boolean {
    return this.rows.get(node)?.alive ?? false;
  }

  /** Whether the node is alive and other nodes have no connection with it. */
  unreachable(node: NodeId): boolean {
    return (this.rows.get(node)?.unreachable ?? null) !== null;
  }

  /** The CSS class that sets the colour `--node`. */
  colour(node: NodeId): string {
    const place = this.#places.get(node);
    return place === undefined ? 'node-none' : `node-${place % COLOURS}`;
  }
}
