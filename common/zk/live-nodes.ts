// The nodes that have a live znode, with their sessions and addresses, kept up to date. Shared by nodes and clients. One
// observer on the children, one on each child: a node that came back between two reads shows by its new znode.

import type { NodeId } from '../model/ids.ts';
import type { LiveNode } from '../model/records.ts';
import type { Observer, Zk, ZkNode } from './store.ts';
import { decodeLive, paths } from './znodes.ts';

export class LiveNodes {
  readonly #zk: Zk;
  readonly #changed: () => void;
  readonly #children: Observer;
  readonly #observers = new Map<NodeId, Observer>();
  readonly #live = new Map<NodeId, LiveNode>();

  /** @param changed called after every change */
  constructor(zk: Zk, changed: () => void) {
    this.#zk = zk;
    this.#changed = changed;
    this.#children = zk.observeChildren(paths.lives, (names) => this.#adopt(names ?? []));
  }

  get nodes(): ReadonlyMap<NodeId, LiveNode> {
    return this.#live;
  }

  /** Asks for a re-read of this node's znode now. */
  kick(node: NodeId): void {
    this.#observers.get(node)?.kick();
  }

  close(): void {
    this.#children.close();
    for (const observer of this.#observers.values()) observer.close();
  }

  #adopt(names: readonly NodeId[]): void {
    for (const [id, observer] of this.#observers) {
      if (names.includes(id)) continue;
      observer.close();
      this.#observers.delete(id);
      if (this.#live.delete(id)) this.#changed();
    }
    for (const id of names) {
      if (this.#observers.has(id)) continue;
      this.#observers.set(
        id,
        this.#zk.observeData(paths.live(id), (node) => this.#learn(id, node)),
      );
    }
  }

  #learn(id: NodeId, node: ZkNode | null): void {
    if (node === null) this.#live.delete(id);
    else this.#live.set(id, decodeLive(id, node));
    this.#changed();
  }
}
