// The nodes that have a live znode, with their sessions and addresses, kept up to date. Shared by nodes and clients. One
// observer on the children, one on each child: a node that came back between two reads shows by its new znode.

import type { Logger } from '../base/log.ts';
import type { NodeId } from '../model/ids.ts';
import type { LiveNode } from '../model/records.ts';
import type { Observer, Zk, ZkNode } from './store.ts';
import { decodeLive, paths } from './znodes.ts';

export class LiveNodes {
  readonly #zk: Zk;
  readonly #logger: Logger;
  readonly #changed: () => void;
  readonly #children: Observer;
  readonly #observers = new Map<NodeId, Observer>();
  readonly #live = new Map<NodeId, LiveNode>();

  /** @param changed called after every change */
  constructor(zk: Zk, logger: Logger, changed: () => void) {
    this.#zk = zk;
    this.#logger = logger;
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
    const live = node === null ? null : this.#decoded(id, node);
    if (live === null) this.#live.delete(id);
    else this.#live.set(id, live);
    this.#changed();
  }

  #decoded(id: NodeId, node: ZkNode): LiveNode | null {
    const live = decodeLive(id, node);
    if (live === null) this.#logger.warn({ node: id }, 'ignoring a live znode that is persistent');
    else if (live.address === null)
      this.#logger.warn({ node: id }, 'a live znode cannot be read: nobody knows where the node is');
    return live;
  }
}
