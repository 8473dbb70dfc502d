// The cluster's nodes as ZooKeeper lists them: which are registered, which are live, and at which address. All are watched: there
// are few.

import type { Logger } from '../common/base/log.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { LiveNode, NodeRecord } from '../common/model/records.ts';
import { watchLiveNodes } from '../common/zk/live-nodes.ts';
import type { Zk } from '../common/zk/store.ts';
import { ZnodeChildren } from '../common/zk/znode-children.ts';
import { decodeNode, paths } from '../common/zk/znodes.ts';
import type { NodeView } from './api.ts';

export interface NodeListListener {
  /** A node joined, left, moved or changed its mode. */
  changed(): void;
  /** A node's live znode has changed. @param live null: the node has no live session */
  located(node: NodeId, live: LiveNode | null): void;
}

export class NodeList {
  readonly #records: ZnodeChildren<NodeRecord>;
  readonly #lives: ZnodeChildren<LiveNode>;

  constructor(zk: Zk, log: Logger, listener: NodeListListener) {
    this.#records = new ZnodeChildren<NodeRecord>({
      zk,
      logger: log,
      path: paths.nodes,
      decode: decodeNode,
      changed: (ids) => {
        if (ids.length > 0) listener.changed();
      },
    });
    this.#lives = watchLiveNodes(zk, log, (ids) => {
      for (const id of ids) listener.located(id, this.#lives.contents.get(id) ?? null);
      if (ids.length > 0) listener.changed();
    });
  }

  /** Resolves once all nodes have been read for the first time. */
  async loaded(): Promise<void> {
    await Promise.all([this.#records.whenLoaded, this.#lives.whenLoaded]);
  }

  /** In order of ids. */
  views(): readonly NodeView[] {
    const [records, lives] = [this.#records.contents, this.#lives.contents];
    const ids = new Set([...records.keys(), ...lives.keys()]);
    return [...ids]
      .sort()
      .map((id) => ({ id, record: records.get(id) ?? null, live: lives.get(id) ?? null }));
  }

  close(): void {
    this.#records.close();
    this.#lives.close();
  }
}
