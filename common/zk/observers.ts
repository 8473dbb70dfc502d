// Observers report the value of a path now and after every change, even if watches, links and sessions are lost. There are five
// reasons to read again: a watch, a new link, a new session, a kick and a slow poll. Each of them only marks the observer as dirty,
// and a runner reads until it is clean. So events may be lost or doubled, and the last state wins. After a reconnection every path
// is read again, so watches need not be sent again in one packet, with which the library fails at 12,000 paths.

import { type Env, every, type Timer } from '../base/env.ts';
import type { Logger } from '../base/log.ts';
import { callListener } from './listener-call.ts';
import { type Observer, ZkError, type ZkNode } from './store.ts';

/** What observers need of a session. Each read sets a watch. */
export interface WatchedReads {
  /** False: reads would fail at once. */
  readonly connected: boolean;
  watch(path: string): Promise<ZkNode | null>;
  watchChildren(path: string): Promise<readonly string[] | null>;
}

/** How a kind of value is read, with a watch, and compared with the value before it. */
interface Reading<T> {
  read(session: WatchedReads, path: string): Promise<T>;
  same(a: T, b: T): boolean;
}

const nodeReading: Reading<ZkNode | null> = {
  read: (session, path) => session.watch(path),
  same: (a, b) => a === b || (a !== null && b !== null && a.mzxid === b.mzxid && a.version === b.version),
};

const childrenReading: Reading<readonly string[] | null> = {
  read: (session, path) => session.watchChildren(path),
  same: (a, b) =>
    a === b ||
    (a !== null && b !== null && a.length === b.length && a.every((name, index) => name === b[index])),
};

/**
 * The mean time between two polls, ms, at least: very many paths are polled more slowly, so that there is time for other work.
 */
const POLL_GAP_MS = 20;
/** The time between two rounds of polls, ms: reads that are sent together cost half as much, here and in ZooKeeper. */
const ROUND_MS = 500;

/** Reads under way at once. After a reconnection there are thousands to do, and heartbeats must not wait behind all of them. */
const READS_MAX = 64;

export class Observers {
  readonly #env: Env;
  readonly #logger: Logger;
  readonly #pollMs: number;
  readonly #session: () => WatchedReads | null;
  readonly #byPath = new Map<string, Set<Observer>>();
  readonly #waiting: (() => void)[] = [];
  /** The kicks of all observers. The observer whose last poll is the longest ago comes first. */
  readonly #turns = new Set<() => void>();
  #polls: Timer | null = null;
  #reading = 0;

  constructor(env: Env, logger: Logger, pollMs: number, session: () => WatchedReads | null) {
    this.#env = env;
    this.#logger = logger;
    this.#pollMs = pollMs;
    this.#session = session;
  }

  observeData(path: string, listener: (node: ZkNode | null) => void): Observer {
    return this.#observe(path, nodeReading, listener);
  }

  observeChildren(path: string, listener: (names: readonly string[] | null) => void): Observer {
    return this.#observe(path, childrenReading, listener);
  }

  kick(path: string): void {
    for (const observer of this.#byPath.get(path) ?? []) observer.kick();
  }

  kickAll(): void {
    for (const observers of this.#byPath.values()) for (const observer of observers) observer.kick();
  }

  closeAll(): void {
    for (const observers of [...this.#byPath.values()])
      for (const observer of [...observers]) observer.close();
  }

  #observe<T>(path: string, reading: Reading<T>, listener: (value: T) => void): Observer {
    const runner = new Runner(path, reading, listener, {
      session: this.#session,
      admit: (task) => this.#admit(task),
      env: this.#env,
      logger: this.#logger,
    });
    this.#turns.add(runner.kick);
    this.#polls ??= every(
      this.#env,
      () => this.#roundGapMs(),
      () => this.#pollRound(),
    );
    const observer: Observer = {
      kick: runner.kick,
      close: () => {
        this.#turns.delete(runner.kick);
        runner.close();
        this.#forget(path, observer);
      },
    };
    const others = this.#byPath.get(path);
    if (others === undefined) this.#byPath.set(path, new Set([observer]));
    else others.add(observer);
    runner.kick();
    return observer;
  }

  #forget(path: string, observer: Observer): void {
    const observers = this.#byPath.get(path);
    observers?.delete(observer);
    if (observers?.size === 0) this.#byPath.delete(path);
    if (this.#turns.size > 0) return;
    this.#polls?.cancel();
    this.#polls = null;
  }

  /** Each observer is polled once in this time, ms. */
  get #periodMs(): number {
    return Math.max(this.#pollMs, this.#turns.size * POLL_GAP_MS);
  }

  #roundGapMs(): number {
    return Math.max(Math.min(ROUND_MS, this.#pollMs), this.#periodMs / this.#turns.size);
  }

  #pollRound(): void {
    const share = Math.min(ROUND_MS, this.#pollMs) / this.#periodMs;
    let left = Math.ceil(this.#turns.size * share);
    for (const poll of this.#turns) {
      if (left-- === 0) return;
      this.#turns.delete(poll);
      this.#turns.add(poll);
      poll();
    }
  }

  async #admit<T>(task: () => Promise<T>): Promise<T> {
    if (this.#reading >= READS_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#reading++;
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#reading--;
      else next();
    }
  }
}

interface RunnerDeps {
  readonly session: () => WatchedReads | null;
  admit<T>(task: () => Promise<T>): Promise<T>;
  readonly env: Env;
  readonly logger: Logger;
}

class Runner<T> {
  readonly #path: string;
  readonly #reading: Reading<T>;
  readonly #listener: (value: T) => void;
  readonly #deps: RunnerDeps;
  #last: { readonly value: T } | null = null;
  #state: 'idle' | 'running' | 'running-dirty' | 'closed' = 'idle';

  constructor(path: string, reading: Reading<T>, listener: (value: T) => void, deps: RunnerDeps) {
    this.#path = path;
    this.#reading = reading;
    this.#listener = listener;
    this.#deps = deps;
  }

  readonly kick = (): void => {
    if (this.#state === 'running') this.#state = 'running-dirty';
    if (this.#state !== 'idle') return;
    this.#state = 'running';
    void this.#run();
  };

  close(): void {
    this.#state = 'closed';
  }

  async #run(): Promise<void> {
    do {
      if (this.#state === 'closed') return;
      this.#state = 'running';
      await this.#readOnce();
    } while (this.#isDirty());
    if (this.#state === 'running') this.#state = 'idle';
  }

  #isDirty(): boolean {
    return this.#state === 'running-dirty';
  }

  /** Without a link nothing is read. The next link kicks every observer. */
  async #readOnce(): Promise<void> {
    const session = this.#deps.session();
    if (session === null || !session.connected) return;
    try {
      const value = await this.#deps.admit(() => this.#reading.read(session, this.#path));
      this.#deliver(value);
    } catch (error) {
      if (error instanceof ZkError && (error.kind === 'unanswered' || error.kind === 'ended')) return;
      this.#deps.logger.warn({ path: this.#path, error: String(error) }, 'an observed path cannot be read');
    }
  }

  #deliver(value: T): void {
    if (this.#state === 'closed') return;
    if (this.#last !== null && this.#reading.same(this.#last.value, value)) return;
    this.#last = { value };
    const { env, logger } = this.#deps;
    callListener(env, logger, { path: this.#path }, () => this.#listener(value));
  }
}
