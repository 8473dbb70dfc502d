// The newest events of the timeline. An event never changes, so each is read once, and only the list of their names is observed.

import { delay, type Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { Observer, Zk, ZkNode } from '../common/zk/store.ts';
import { ZnodeDecoder } from '../common/zk/znode-decoder.ts';
import { eventCodec, inSequence, paths, sequenceOf } from '../common/zk/znodes.ts';
import { EVENTS_SHOWN, type EventRow } from './feed.ts';

/** How many reads are under way at once. */
const READS_MAX = 16;
/** The pause before the next attempt if ZooKeeper does not answer. */
const RETRY_MS = 1_000;

export class ZkEvents {
  /** Newest first. The array is replaced only if something has changed. */
  rows: readonly EventRow[] = [];
  readonly #zk: Zk;
  readonly #env: Env;
  readonly #logger: Logger;
  readonly #changed: () => void;
  readonly #observer: Observer;
  readonly #known = new Map<string, EventRow>();
  #wanted: readonly string[] = [];
  #running = false;
  #closed = false;

  constructor(zk: Zk, env: Env, logger: Logger, changed: () => void) {
    this.#zk = zk;
    this.#env = env;
    this.#logger = logger;
    this.#changed = changed;
    this.#observer = zk.observeChildren(paths.events, (names) => {
      this.#wanted = newest(names ?? []);
      void this.#catchUp();
    });
  }

  close(): void {
    this.#closed = true;
    this.#observer.close();
  }

  async #catchUp(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (!this.#closed && !this.#updateRows()) {
      const missing = this.#wanted.filter((name) => !this.#known.has(name)).slice(0, READS_MAX);
      try {
        await Promise.all(missing.map((name) => this.#read(name)));
      } catch {
        await delay(this.#env, RETRY_MS);
      }
    }
    this.#running = false;
  }

  /** Updates `rows` if all wanted events have been read. False: some have not. */
  #updateRows(): boolean {
    for (const name of this.#known.keys()) if (!this.#wanted.includes(name)) this.#known.delete(name);
    const rows = this.#wanted.flatMap((name) => this.#known.get(name) ?? []);
    if (rows.length < this.#wanted.length) return false;
    if (rows.length !== this.rows.length || rows.some((row, index) => row !== this.rows[index])) {
      this.rows = rows;
      this.#changed();
    }
    return true;
  }

  async #read(name: string): Promise<void> {
    const node = await this.#zk.session?.get(paths.event(name));
    if (node === undefined) throw new Error('no session');
    const row = node === null ? null : this.#decode(name, node);
    if (row === null) this.#wanted = this.#wanted.filter((wanted) => wanted !== name);
    else this.#known.set(name, row);
  }

  /** Null if it cannot be decoded. Uses a new decoder, because an event is read only once, so there is nothing to remember. */
  #decode(name: string, node: ZkNode): EventRow | null {
    return new ZnodeDecoder(this.#logger).decode(paths.event(name), node, null, () => ({
      ...eventCodec.decode(node.data),
      seq: sequenceOf(name),
    }));
  }
}

function newest(names: readonly string[]): readonly string[] {
  return inSequence(names).slice(-EVENTS_SHOWN).toReversed();
}
