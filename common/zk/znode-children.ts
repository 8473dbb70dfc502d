// The children of one znode, kept up to date: which there are, and what each of them holds, decoded. There is one observer
// for the list and one for each child. Who is to watch only some of the children has observers of its own
// (kvnode/zk/assignments.ts, client/directory.ts).
//
// - A child that cannot be decoded says nothing (znode-decoder.ts): what it held before stays, and one that could never be
//   decoded has no content.
// - Of two versions of a child the later one counts (mzxid), so that a direct read may run ahead of the observers.
// - Everything is loaded once the list and every child in it have been read, whether or not they could be decoded.

import type { Logger } from '../base/log.ts';
import type { Observer, Zk, ZkNode } from './store.ts';
import { ZnodeDecoder } from './znode-decoder.ts';

export interface ZnodeChildrenOptions<T> {
  readonly zk: Zk;
  readonly logger: Logger;
  /** Of the parent. */
  readonly path: string;
  /** Called once for each version of a child. Null: the child is as good as absent. Throws BadDataError. */
  readonly decode: (name: string, node: ZkNode) => T | null;
  /** Called after every change; `names`: the children whose contents may be others now. Never called by the constructor. */
  readonly changed: (names: readonly string[]) => void;
  /** How many children may be watched, asked for each new list; the first ones by name are. Absent: all. */
  readonly watchedMax?: () => number;
}

interface Child<T> {
  readonly observer: Observer;
  /** Whether it has been in the list. One that is not, was read ahead of the list. */
  listed: boolean;
  /** mzxid of the version read last; -1: nothing has been read yet. */
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
  /** Watched children of which nothing has been read yet. */
  #unread = 0;
  #unwatched = 0;
  #closed = false;
  /** Made when it is asked for; null: out of date. */
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

  /** Whether the list and all children that are watched have been read. A child that is new makes it false again. */
  get loaded(): boolean {
    return this.#isListed && this.#unread === 0;
  }

  /** All that are watched, with contents or without, in order. */
  get names(): readonly string[] {
    return [...this.#children.keys()].sort();
  }

  /** What the children hold, in order of names. A later change gives another map. */
  get contents(): ReadonlyMap<string, T> {
    this.#contents ??= this.#currentContents();
    return this.#contents;
  }

  /** How many children are watched. */
  get watched(): number {
    return this.#children.size;
  }

  /** How many children of the last list are beyond `watchedMax`. */
  get unwatched(): number {
    return this.#unwatched;
  }

  /** Takes what was read of one child elsewhere, unless a later version of it is known. */
  learn(name: string, node: ZkNode): void {
    if (this.#closed) return;
    const child = this.#children.get(name) ?? this.#watch(name, false);
    if (child.mzxid >= node.mzxid) return;
    const decode = () => this.#options.decode(name, node);
    const content = this.#decoder.decode(this.#pathOf(name), node, child.content, decode);
    this.#hold(name, child, node.mzxid, content);
  }

  /** Has the list and all children read again. */
  kick(): void {
    this.#list.kick();
    for (const child of this.#children.values()) child.observer.kick();
  }

  /** Has one child read again. */
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
      // This list may be the older of the two: the child itself shows whether it is there.
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

  /** Gone between the list and the reading, or since then: the next list is without it. */
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
