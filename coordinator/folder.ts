// A folder of znodes as it is now: which names are in it and what each of them holds, kept up by observers. Of two
// readings of a znode the one of the later change stays, so that a direct read may run ahead of the observers. Where a
// znode cannot be read, what it held before stays: rubbish says nothing about the cluster.

import type { Logger } from '../common/base/log.ts';
import { BadDataError } from '../common/model/fields.ts';
import type { Observer, Zk, ZkNode } from '../common/zk/store.ts';

interface Child<T> {
  readonly observer: Observer;
  /** mzxid of what was read; -1: nothing yet. */
  change: number;
  /** What could be read last; null: nothing yet, or it is not there (any more). */
  value: T | null;
}

export interface FolderOptions<T> {
  readonly zk: Zk;
  readonly path: string;
  readonly childPath: (name: string) => string;
  /** Null: as good as absent. Throws BadDataError for what the folder should not hold: logged once. */
  readonly decode: (name: string, node: ZkNode) => T | null;
  readonly changed: () => void;
  readonly logger: Logger;
}

export class Folder<T> {
  readonly #options: FolderOptions<T>;
  readonly #children = new Map<string, Child<T>>();
  readonly #list: Observer;
  #listed = false;

  constructor(options: FolderOptions<T>) {
    this.#options = options;
    this.#list = options.zk.observeChildren(options.path, (names) => this.#learnNames(names ?? []));
  }

  /** Whether everything in it has been read at least once. */
  get loaded(): boolean {
    return this.#listed && [...this.#children.values()].every((child) => child.change >= 0);
  }

  /** All that is listed, readable or not, in order. */
  get names(): readonly string[] {
    return [...this.#children.keys()].sort();
  }

  /** What could be read, by name in order. */
  get values(): readonly T[] {
    return this.names.flatMap((name) => {
      const value = this.#children.get(name)?.value ?? null;
      return value === null ? [] : [value];
    });
  }

  /** Takes what was read of one child elsewhere, if it is news. */
  learn(name: string, node: ZkNode): void {
    const child = this.#children.get(name) ?? this.#observe(name);
    if (child.change >= node.mzxid) return;
    child.change = node.mzxid;
    child.value = this.#decoded(name, node, child.value);
    this.#options.changed();
  }

  kick(): void {
    this.#list.kick();
    for (const child of this.#children.values()) child.observer.kick();
  }

  close(): void {
    this.#list.close();
    for (const child of this.#children.values()) child.observer.close();
  }

  #learnNames(names: readonly string[]): void {
    this.#listed = true;
    for (const [name, child] of this.#children) {
      if (names.includes(name)) continue;
      child.observer.close();
      this.#children.delete(name);
    }
    for (const name of names) if (!this.#children.has(name)) this.#observe(name);
    this.#options.changed();
  }

  #observe(name: string): Child<T> {
    const { zk, childPath } = this.#options;
    const observer = zk.observeData(childPath(name), (node) => {
      if (node === null) this.#forget(child);
      else this.learn(name, node);
    });
    const child: Child<T> = { observer, change: -1, value: null };
    this.#children.set(name, child);
    return child;
  }

  /** Gone between the listing and the reading, or since: the next listing lacks it. */
  #forget(child: Child<T>): void {
    child.change = Math.max(child.change, 0);
    child.value = null;
    this.#list.kick();
    this.#options.changed();
  }

  #decoded(name: string, node: ZkNode, known: T | null): T | null {
    try {
      return this.#options.decode(name, node);
    } catch (error) {
      if (!(error instanceof BadDataError)) throw error;
      const path = this.#options.childPath(name);
      this.#options.logger.error(
        { path, reason: error.message },
        'a znode cannot be read: left as it was known',
      );
      return known;
    }
  }
}
