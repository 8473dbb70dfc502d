// Watches the children of one znode: their names and their decoded contents. There is one observer for the list and one for each
// child. Code that watches only some of the children has observers of its own (kvnode/zk/assignments.ts, client/directory.ts).
//
// - If a child cannot be decoded, its earlier content stays (znode-decoder.ts). A child that has never been decoded has no content.
// - The version of a child with the higher mzxid counts, so that a direct read may be ahead of the observers.
// - Everything is loaded once the list and every child in it have been read, whether or not they could be decoded.

import type { Logger } from '../base/log.ts';
import type { Observer, Zk, ZkNode } from './store.ts';
import { ZnodeDecoder } from './znode-decoder.ts';

export interface ZnodeChildrenOptions<T> {
  readonly zk: Zk;
  readonly logger: Logger;
  /** The path of the parent. */
  readonly path: string;
  /** Called once for each version of a child. Null: the child counts as absent. Throws BadDataError. */
  readonly decode: (name: string, node: ZkNode) => T | null;
  /** Called after every change, with the children whose contents may have changed. Never called by the constructor. */
  readonly changed: (names: readonly string[]) => void;
  /** How many children are watched: the first ones by name. Called for each new list. Absent: all are watched. */
  readonly watchedMax?: () => number;
}

interface Child<T> {
  readonly observer: Observer;
  /** Whether it has been in the list. If not, it was learned from a direct read, ahead of the list. */
  listed: boolean;
  /** mzxid of the version that was read last; -1: none has been read yet. */
  mzxid: number;
  content: T | null;
}

export class ZnodeChildren<T> {
  /** Resolves once `loaded` is true for the first time. */
  readonly whenLoaded: Promise<void>;
  readonly #options: ZnodeChildrenOptions<T>;
  readonly #decoder: ZnodeDecoder;
  readonly #list: Observer;
  readonly #children = new Map<string, Child<T>>();
  #isListed = false;
  /** How many watched children have not been read yet. */
  #unread = 0;
  #unwatched = 0;
  #closed = false;
  /** The last result of `contents`; null: it is out of date. */
  #contents: ReadonlyMap<string, T> | null = null;
  #resolveLoaded: () => void = () => {};

  constructor(options: ZnodeChildrenOptions<T>) {
    this.#options = options;
    this.#decoder = new ZnodeDecoder(options.logger);
    this.whenLoaded = new Promise((resolve) => {
      this.#resolveLoaded = resolve;
    });
    this.#list = options.zk.observeChildren(options.path, (names) => this.#learnList(names ?? []));
  }

  /** Whether the list and all watched children have been read. A new child makes it false again. */
  get loaded(): boolean {
    return this.#isListed && this.#unread === 0;
  }

  /** The names of all watched children, with or without contents, in order. */
  get names(): readonly string[] {
    return [...this.#children.keys()].sort();
  }

  /** The contents of the children, in order of their names. The map is not changed later; a change makes a new one. */
  get contents(): ReadonlyMap<string, T> {
    this.#contents ??= this.#currentContents();
    return this.#contents;
  }

  /** How many children are watched. */
  get watched(): number {
    return this.#children.size;
  }

  /** How many children of the last list are not watched because of `watchedMax`. */
  get unwatched(): number {
    return this.#unwatched;
  }

  /** Learns a child from a direct read, unless a later version of it is known. */
  learn(name: string, node: ZkNode): void {
    if (this.#closed) return;
    const child = this.#children.get(name) ?? this.#watch(name, false);
    if (child.mzxid >= node.mzxid) return;
    const decode = () => this.#options.decode(name, node);
    const content = this.#decoder.decode(this.#pathOf(name), node, child.content, decode);
    this.#hold(name, child, node.mzxid, content);
  }

  /** Reads the list and all children again. */
  kick(): void {
    this.#list.kick();
    for (const child of this.#children.values()) child.observer.kick();
  }

  /** Reads one child again. */
  kickChild(name: string): void {
    this.#children.get(name)?.observer.kick();
  }

  close(): void {
    this.#closed = true;
    this.#list.close();
    for (const child of this.#children.values()) child.observer.close();
  }

  #pathOf(name: string): string {
    return `${this.#options.path}/${name}`;
  }

  #learnList(names: readonly string[]): void {
    const watched = new Set(names.slice(0, this.#options.watchedMax?.()));
    const dropped: string[] = [];
    for (const [name, child] of this.#children) {
      if (watched.has(name)) child.listed = true;
      // The list may be older than the direct read: the child itself is read again.
      else if (!child.listed) child.observer.kick();
      else {
        this.#drop(name, child);
        dropped.push(name);
      }
    }
    for (const name of watched) if (!this.#children.has(name)) this.#watch(name, true);
    this.#isListed = true;
    this.#unwatched = names.length - watched.size;
    this.#changed(dropped);
  }

  #watch(name: string, listed: boolean): Child<T> {
    const observer = this.#options.zk.observeData(this.#pathOf(name), (node) => {
      if (node === null) this.#learnAbsent(name, child);
      else this.learn(name, node);
    });
    const child: Child<T> = { observer, listed, mzxid: -1, content: null };
    this.#children.set(name, child);
    this.#unread++;
    return child;
  }

  #hold(name: string, child: Child<T>, mzxid: number, content: T | null): void {
    if (child.mzxid < 0) this.#unread--;
    child.mzxid = mzxid;
    child.content = content;
    this.#changed([name]);
  }

  /** The child does not exist. If it was in the list, the next list will be without it. */
  #learnAbsent(name: string, child: Child<T>): void {
    if (child.listed) {
      this.#list.kick();
      this.#hold(name, child, Math.max(child.mzxid, 0), null);
    } else {
      this.#drop(name, child);
      this.#changed([name]);
    }
  }

  #drop(name: string, child: Child<T>): void {
    child.observer.close();
    this.#children.delete(name);
    this.#decoder.forget(this.#pathOf(name));
    if (child.mzxid < 0) this.#unread--;
  }

  #changed(names: readonly string[]): void {
    this.#contents = null;
    if (this.loaded) this.#resolveLoaded();
    this.#options.changed(names);
  }

  #currentContents(): ReadonlyMap<string, T> {
    const contents = new Map<string, T>();
    for (const name of this.names) {
      const content = this.#children.get(name)?.content ?? null;
      if (content !== null) contents.set(name, content);
    }
    return contents;
  }
}
