// ZooKeeper for one client in a test: a tree in memory that the test writes, observers that are notified, outages during which no
// read succeeds and no observer is notified, and silences during which reads of the session wait. It has no sequential znodes,
// conditions or leases.

import type { Env } from '../../common/base/env.ts';
import { type Observer, type Zk, ZkError, type ZkNode, type ZkSession } from '../../common/zk/store.ts';

interface MemoryObserver {
  readonly path: string;
  notify(): void;
}

export class MemoryZk implements Zk {
  /** The paths of all reads, for tests that count them. */
  readonly reads: string[] = [];
  /** Znodes that the client's server does not show yet, because it is behind. */
  readonly unseen = new Set<string>();
  silent = false;
  closed = false;
  /** Called with each znode that a client has created; null: a client must not write. */
  created: ((path: string, data: Uint8Array) => void) | null = null;
  private readonly env: Env;
  private readonly nodes = new Map<string, ZkNode>();
  private readonly observers = new Set<MemoryObserver>();
  private readonly connectionListeners = new Set<(connected: boolean) => void>();
  private isAway = false;
  private readonly waiting: (() => void)[] = [];
  private zxid = 0;

  constructor(env: Env) {
    this.env = env;
  }

  // ---- the test's side -------------------------------------------------------------------------------------------

  /** Writes a znode. @param quietly no watch fires, so only a new read shows the change */
  put(path: string, data: Uint8Array, ephemeralOwner: string | null = null, quietly = false): void {
    const known = this.nodes.get(path);
    const mzxid = ++this.zxid;
    const version = known === undefined ? 0 : known.version + 1;
    this.nodes.set(path, { data, version, mzxid, czxid: known?.czxid ?? mzxid, ephemeralOwner });
    if (!quietly) this.notify();
  }

  remove(path: string): void {
    this.nodes.delete(path);
    this.notify();
  }

  version(path: string): number {
    return this.nodes.get(path)?.version ?? -1;
  }

  observed(prefix: string): number {
    return [...this.observers].filter(({ path }) => path.startsWith(prefix)).length;
  }

  /** During an outage no read succeeds, and no observer is notified. */
  get away(): boolean {
    return this.isAway;
  }

  set away(away: boolean) {
    this.isAway = away;
    for (const listener of this.connectionListeners) listener(!away);
  }

  back(): void {
    this.away = false;
    this.notify();
  }

  /** Ends a silence: the reads that waited are answered. */
  speak(): void {
    this.silent = false;
    for (const answer of this.waiting.splice(0)) answer();
  }

  private notify(): void {
    for (const observer of this.observers) this.env.after(0.5, () => observer.notify());
  }

  // ---- the client's side -----------------------------------------------------------------------------------------

  readonly session: ZkSession = this.makeSession();

  onSession(listener: (session: ZkSession) => void): () => void {
    listener(this.session);
    return () => {};
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    this.connectionListeners.add(listener);
    listener(!this.isAway);
    return () => this.connectionListeners.delete(listener);
  }

  async ready(timeoutMs: number): Promise<ZkSession> {
    if (!this.away) return this.session;
    await new Promise<void>((resolve) => {
      this.env.after(timeoutMs, resolve);
    });
    throw new ZkError('timeout', '/');
  }

  observeData(path: string, listener: (node: ZkNode | null) => void): Observer {
    return this.observe(
      path,
      () => this.shown(path),
      (node) => node?.mzxid ?? 0,
      listener,
    );
  }

  observeChildren(path: string, listener: (names: readonly string[] | null) => void): Observer {
    return this.observe(path, () => this.list(path), String, listener);
  }

  async closeFormer(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  private observe<T>(
    path: string,
    read: () => T,
    mark: (value: T) => unknown,
    listener: (value: T) => void,
  ): Observer {
    let notified: unknown;
    const observer = {
      path,
      notify: () => {
        if (this.away || !this.observers.has(observer)) return;
        const value = read();
        if (mark(value) === notified) return;
        notified = mark(value);
        listener(value);
      },
    };
    this.observers.add(observer);
    const kick = () => {
      this.reads.push(path);
      this.env.after(0.5, observer.notify);
    };
    kick();
    return { kick, close: () => this.observers.delete(observer) };
  }

  private shown(path: string): ZkNode | null {
    return this.unseen.has(path) ? null : (this.nodes.get(path) ?? null);
  }

  private list(path: string): readonly string[] | null {
    const names = new Set<string>();
    const below = path === '/' ? path : `${path}/`;
    for (const other of this.nodes.keys()) {
      if (other.startsWith(below) && !this.unseen.has(other))
        names.add(other.slice(below.length).split('/', 1)[0] as string);
    }
    return names.size === 0 && !this.nodes.has(path) ? null : [...names].sort();
  }

  private makeSession(): ZkSession {
    const refuse = async (): Promise<never> => {
      throw new ZkError('protocol', '/', { message: 'a client writes nothing to ZooKeeper' });
    };
    const create = async (path: string, data: Uint8Array): Promise<string> => {
      const { created } = this;
      if (created === null) return refuse();
      if (this.away) throw new ZkError('disconnected', path);
      this.put(path, data);
      created(path, data);
      return path;
    };
    const read = async <T>(path: string, value: () => T): Promise<T> => {
      this.reads.push(path);
      if (this.silent) await new Promise<void>((resolve) => this.waiting.push(resolve));
      if (this.away) throw new ZkError('disconnected', path);
      return value();
    };
    return {
      id: '00000000000000c1',
      timeoutMs: 10_000,
      ended: false,
      onEnd: () => () => {},
      leaseUntil: () => Number.NEGATIVE_INFINITY,
      startLease: () => {},
      get: (path) => read(path, () => this.shown(path)),
      children: (path) => read(path, () => this.list(path)),
      createRoot: refuse,
      create,
      set: refuse,
      delete: refuse,
      multi: refuse,
      barrier: async () => {},
      close: async () => {},
    };
  }
}
