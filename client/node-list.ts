// The cluster's nodes as ZooKeeper lists them: who is registered, who is live, and where. Each is watched; there are few.

import type { Logger } from '../common/base/log.ts';
import { BadDataError } from '../common/model/fields.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { LiveNode, NodeRecord } from '../common/model/records.ts';
import type { Observer, Zk, ZkNode } from '../common/zk/store.ts';
import { decodeLive, decodeNode, paths } from '../common/zk/znodes.ts';
import type { NodeView } from './api.ts';

export interface NodeListListener {
  /** A node came, went, moved or changed its mode. */
  changed(): void;
  /** Where the node is to be found; null: it has no live session. */
  located(node: NodeId, live: LiveNode | null): void;
}

export class NodeList {
  private readonly log: Logger;
  private readonly listener: NodeListListener;
  private readonly records = new Map<NodeId, NodeRecord>();
  private readonly lives = new Map<NodeId, LiveNode>();
  private readonly folders: readonly Folder[];

  constructor(zk: Zk, log: Logger, listener: NodeListListener) {
    this.log = log;
    this.listener = listener;
    this.folders = [
      new Folder(zk, paths.nodes, paths.node, (id, node) => this.recorded(id, node)),
      new Folder(zk, paths.lives, paths.live, (id, node) => this.lived(id, node)),
    ];
  }

  /** Resolves once everything has been read for the first time. */
  async loaded(): Promise<void> {
    await Promise.all(this.folders.map((folder) => folder.loaded));
  }

  /** In order of ids. */
  views(): readonly NodeView[] {
    const ids = new Set([...this.records.keys(), ...this.lives.keys()]);
    return [...ids].sort().map((id) => ({
      id,
      record: this.records.get(id) ?? null,
      live: this.lives.get(id) ?? null,
    }));
  }

  isLive(id: NodeId): boolean {
    return this.lives.has(id);
  }

  close(): void {
    for (const folder of this.folders) folder.close();
  }

  private recorded(id: NodeId, node: ZkNode | null): void {
    if (node === null) this.records.delete(id);
    else {
      const record = this.decode(id, () => decodeNode(id, node));
      // What cannot be read says nothing new.
      if (record !== null) this.records.set(id, record);
    }
    this.listener.changed();
  }

  private lived(id: NodeId, node: ZkNode | null): void {
    const live = node === null ? null : decodeLive(id, node);
    if (live?.address === null)
      this.log.warn({ node: id }, 'a live znode cannot be read: nobody knows where the node is');
    if (live === null) this.lives.delete(id);
    else this.lives.set(id, live);
    this.listener.located(id, live);
    this.listener.changed();
  }

  private decode<T>(id: NodeId, decode: () => T): T | null {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof BadDataError)) throw error;
      this.log.warn({ node: id, reason: error.message }, 'ignoring a znode that cannot be read');
      return null;
    }
  }
}

/** The data of every child of a znode, followed. */
class Folder {
  /** Resolves once every child listed first has been read. */
  readonly loaded: Promise<void>;
  private readonly zk: Zk;
  private readonly pathOf: (name: string) => string;
  private readonly changed: (name: string, node: ZkNode | null) => void;
  private readonly observers = new Map<string, Observer>();
  private readonly names: Observer;
  /** Children not read yet; null before the first list. */
  private unread: Set<string> | null = null;
  private resolveLoaded: () => void = () => {};

  constructor(
    zk: Zk,
    path: string,
    pathOf: (name: string) => string,
    changed: (name: string, node: ZkNode | null) => void,
  ) {
    this.zk = zk;
    this.pathOf = pathOf;
    this.changed = changed;
    this.loaded = new Promise((resolve) => {
      this.resolveLoaded = resolve;
    });
    this.names = zk.observeChildren(path, (names) => this.list(names ?? []));
  }

  close(): void {
    this.names.close();
    for (const observer of this.observers.values()) observer.close();
  }

  private list(names: readonly string[]): void {
    this.unread ??= new Set(names);
    for (const name of names) {
      if (this.observers.has(name)) continue;
      this.observers.set(
        name,
        this.zk.observeData(this.pathOf(name), (node) => this.read(name, node)),
      );
    }
    const present = new Set(names);
    for (const [name, observer] of this.observers) {
      if (present.has(name)) continue;
      observer.close();
      this.observers.delete(name);
      this.read(name, null);
    }
    this.checkLoaded();
  }

  private read(name: string, node: ZkNode | null): void {
    this.changed(name, node);
    this.unread?.delete(name);
    this.checkLoaded();
  }

  private checkLoaded(): void {
    if (this.unread?.size === 0) this.resolveLoaded();
  }
}
