// The newest events of the timeline. An event never changes once written, so each is read once and only the list of
// names is observed.

import { delay, type Env } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { Observer, Zk, ZkNode } from '../common/zk/store.ts';
import { ZnodeDecoder } from '../common/zk/znode-decoder.ts';
import { eventCodec, inSequence, paths, sequenceOf } from '../common/zk/znodes.ts';
import { EVENTS_SHOWN, type EventRow } from './feed.ts';

/** Reads under way at once. */
const READS_MAX = 16;
/** ZooKeeper did not answer: the wait before the next try. */
const RETRY_MS = 1_000;

export class ZkEvents {
  /** Newest first; the same array for as long as nothing is new. */
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
    while (!this.#closed && !this.#settled()) {
      const missing = this.#wanted.filter((name) => !this.#known.has(name)).slice(0, READS_MAX);
      try {
        await Promise.all(missing.map((name) => this.#read(name)));
      } catch {
        await delay(this.#env, RETRY_MS);
      }
    }
    this.#running = false;
  }

  /** Whether `rows` shows what is wanted; brings it there where all is read. */
  #settled(): boolean {
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

  /** Each event is read once, so nothing is to be remembered of one that cannot be decoded. */
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
