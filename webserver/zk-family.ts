// The children of one znode with their decoded contents, observed: the names through one observer, each child through
// its own. What cannot be decoded is logged and left as it was: one bad znode must not hide the others.

import type { Logger } from '../common/base/log.ts';
import { BadDataError } from '../common/model/fields.ts';
import type { Observer, Zk, ZkNode } from '../common/zk/store.ts';

export interface FamilyOptions<T> {
  readonly parent: string;
  /** The path of a child by its name. */
  readonly child: (name: string) => string;
  /** Null: as good as absent. Throws BadDataError. */
  readonly decode: (name: string, node: ZkNode) => T | null;
  /** Children beyond these many are not observed, in the order of their names. */
  readonly max: number;
  readonly logger: Logger;
  readonly changed: () => void;
}

export class Family<T> {
  readonly rows = new Map<string, T>();
  /** How many children are not observed. */
  left = 0;
  readonly #zk: Zk;
  readonly #options: FamilyOptions<T>;
  readonly #parent: Observer;
  readonly #children = new Map<string, Observer>();

  constructor(zk: Zk, options: FamilyOptions<T>) {
    this.#zk = zk;
    this.#options = options;
    this.#parent = zk.observeChildren(options.parent, (names) => this.#follow(names ?? []));
  }

  close(): void {
    this.#parent.close();
    for (const observer of this.#children.values()) observer.close();
    this.#children.clear();
  }

  #follow(names: readonly string[]): void {
    const { child, max, changed } = this.#options;
    const wanted = new Set(names.slice(0, max));
    this.left = names.length - wanted.size;
    for (const [name, observer] of this.#children) {
      if (wanted.has(name)) continue;
      observer.close();
      this.#children.delete(name);
      this.rows.delete(name);
    }
    for (const name of wanted) {
      if (this.#children.has(name)) continue;
      this.#children.set(
        name,
        this.#zk.observeData(child(name), (node) => this.#read(name, node)),
      );
    }
    changed();
  }

  #read(name: string, node: ZkNode | null): void {
    const { child, decode, logger, changed } = this.#options;
    if (node === null) this.rows.delete(name);
    else {
      try {
        const row = decode(name, node);
        if (row === null) this.rows.delete(name);
        else this.rows.set(name, row);
      } catch (error) {
        if (!(error instanceof BadDataError)) throw error;
        logger.warn({ path: child(name), reason: error.message }, 'a znode cannot be read');
      }
    }
    changed();
  }
}
