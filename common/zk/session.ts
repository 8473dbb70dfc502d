// A ZooKeeper session from its start to its end: its links, its heartbeats and its lease. It uses one link after the other, and
// resumes by its id and password. States: `up` (it has a link), `away` (it dials for the next one), `ended`, which is final. A
// session that this process has given up may still live at the server. While the lease holds, the server does not end a session
// that lives here.
//
// A session whose heartbeats are not answered is given up after T, when the lease has certainly ended. If only the answers are
// lost, every attempt to resume the session prolongs it at the server. So a session that is given up is also closed, over the last
// link and by its id, in case the server receives what this process sends.

import { assert } from '../base/assert.ts';
import { type Env, every, type Timer } from '../base/env.ts';
import type { Logger } from '../base/log.ts';
import type { SessionConfig } from '../model/config.ts';
import type { SessionId } from '../model/ids.ts';
import { closeThrough } from './close-session.ts';
import type { Dial, Dialer } from './dialer.ts';
import { Lease } from './lease.ts';
import { callListener } from './listener-call.ts';
import type { WatchedReads } from './observers.ts';
import { checkedVersion, checkSize, existence, totalBytes } from './op-checks.ts';
import type { Identity, ServerLink } from './server-link.ts';
import {
  type CreateMode,
  type Unsubscribe,
  ZkError,
  type ZkNode,
  type ZkOp,
  type ZkOpResult,
  type ZkSession,
} from './store.ts';

export interface SessionDeps {
  readonly env: Env;
  readonly logger: Logger;
  readonly config: SessionConfig;
  readonly dialer: Dialer;
  /** ZooKeeper's tickTime, ms; null: not known, then half of T is used. */
  readonly tickMs: () => number | null;
  /** A path that was read with a watch has changed. */
  readonly changed: (path: string) => void;
  /** The session has lost its link. It may get another one, or end. */
  readonly lost: () => void;
  /** The session has a link again. Changes may have been missed meanwhile. */
  readonly resumed: () => void;
}

type Phase =
  | { readonly kind: 'up'; readonly link: ServerLink }
  /** `last`: the last link. `dial` null: the session is about to be given up. */
  | {
      readonly kind: 'away';
      readonly last: ServerLink;
      readonly dial: Dial | null;
      readonly giveUp: Timer;
    }
  | { readonly kind: 'ended'; readonly reason: string };

const CLOSE_MS_MAX = 1_000;
/** The shortest time limit of an operation, ms. Usually unanswered heartbeats end a link, and its operations, earlier. */
const OPERATION_MS_MIN = 1_000;

export class LiveSession implements ZkSession, WatchedReads {
  readonly id: SessionId;
  readonly timeoutMs: number;
  readonly identity: Identity;
  readonly #deps: SessionDeps;
  readonly #lease = new Lease();
  readonly #heartbeats: Timer;
  readonly #endListeners = new Set<(reason: string) => void>();
  /** When the last answered heartbeat was sent; before there is one, when the first link came up. Instants of Env.now(). */
  #lastAckAt: number;
  #leasedPath: string | null = null;
  #closing: Promise<void> = Promise.resolve();
  #phase: Phase;

  /** `link` has just come up, for a new session. */
  constructor(link: ServerLink, deps: SessionDeps) {
    this.#deps = deps;
    this.identity = link.identity;
    this.id = this.identity.id;
    this.timeoutMs = link.timeoutMs;
    this.#lastAckAt = deps.env.now();
    this.#phase = { kind: 'up', link };
    this.#heartbeats = every(deps.env, this.timeoutMs / deps.config.heartbeatsPerSession, () => this.#beat());
    this.#use(link);
  }

  get ended(): boolean {
    return this.#phase.kind === 'ended';
  }

  /** Whether there is a link. Without one, operations fail at once. */
  get connected(): boolean {
    return this.#phase.kind === 'up';
  }

  onEnd(listener: (reason: string) => void): Unsubscribe {
    if (this.#phase.kind === 'ended') listener(this.#phase.reason);
    else this.#endListeners.add(listener);
    return () => this.#endListeners.delete(listener);
  }

  leaseUntil(): number {
    return this.ended ? Number.NEGATIVE_INFINITY : this.#lease.until;
  }

  startLease(path: string): void {
    assert(this.#leasedPath === null, 'a session has one lease');
    this.#leasedPath = path;
    this.#beat();
  }

  get(path: string): Promise<ZkNode | null> {
    return this.#on(path, (link) => link.read(path, false, this.#operationMs));
  }

  children(path: string): Promise<readonly string[] | null> {
    return this.#on(path, (link) => link.readChildren(path, false, this.#operationMs));
  }

  /** The next change is reported once through `changed`. */
  watch(path: string): Promise<ZkNode | null> {
    return this.#on(path, (link) => link.read(path, true, this.#operationMs));
  }

  watchChildren(path: string): Promise<readonly string[] | null> {
    return this.#on(path, (link) => link.readChildren(path, true, this.#operationMs));
  }

  async create(path: string, data: Uint8Array, mode: CreateMode): Promise<string> {
    checkSize(path, data.length);
    return this.#on(path, (link) => link.create(path, data, mode, this.#operationMs));
  }

  createRoot(): Promise<void> {
    return this.#on('/', (link) => link.createRoot(this.#operationMs));
  }

  async set(path: string, data: Uint8Array, version: number): Promise<number> {
    checkSize(path, data.length);
    return this.#on(path, (link) => link.set(path, data, checkedVersion(version), this.#operationMs));
  }

  async delete(path: string, version: number): Promise<void> {
    return this.#on(path, (link) => link.delete(path, checkedVersion(version), this.#operationMs));
  }

  async multi(ops: readonly ZkOp[]): Promise<readonly ZkOpResult[]> {
    const first = ops[0];
    if (first === undefined) return [];
    checkSize(first.path, totalBytes(ops));
    for (const op of ops) if (op.kind !== 'create') checkedVersion(op.version);
    return this.#on(first.path, (link) => link.multi(ops, this.#operationMs));
  }

  async barrier(): Promise<void> {
    try {
      await this.#on('/', (link) => link.multi([existence('/')], this.#operationMs));
    } catch (error) {
      // A refusal has passed the quorum as well.
      if (!(error instanceof ZkError && error.failure === 'no-node')) throw error;
    }
  }

  async close(): Promise<void> {
    this.end('closed');
    await this.#closing;
  }

  /** Ends the session in this process, and closes it at the server. */
  end(reason: string): void {
    const phase = this.#phase;
    if (phase.kind === 'ended') return;
    this.#leave(reason);
    this.#closing = phase.kind === 'up' ? phase.link.close(CLOSE_MS_MAX) : this.#closeUnanswered(phase.last);
    this.#reportEnd(reason);
  }

  /** The server has ended the session. */
  #expired(): void {
    if (this.ended) return;
    const reason = 'expired at the server';
    const phase = this.#phase;
    this.#leave(reason);
    if (phase.kind === 'away') phase.last.destroy(reason);
    this.#reportEnd(reason);
  }

  #leave(reason: string): void {
    const phase = this.#phase;
    this.#phase = { kind: 'ended', reason };
    this.#heartbeats.cancel();
    if (phase.kind !== 'away') return;
    phase.dial?.cancel();
    phase.giveUp.cancel();
  }

  #reportEnd(reason: string): void {
    const listeners = [...this.#endListeners];
    this.#endListeners.clear();
    for (const listener of listeners)
      callListener(this.#deps.env, this.#deps.logger, { session: this.id }, () => listener(reason));
  }

  /** Closes a session without a link, over the last link and by its id. */
  async #closeUnanswered(last: ServerLink): Promise<void> {
    const { dialer, env } = this.#deps;
    const overLink = last.close(CLOSE_MS_MAX);
    await closeThrough(dialer, this.identity, CLOSE_MS_MAX, env);
    await overLink;
  }

  // -- links

  #use(link: ServerLink): void {
    link.listen({
      down: (reason) => this.#lost(link, reason),
      expired: () => this.#expired(),
      changed: this.#deps.changed,
    });
    this.#beat();
  }

  #lost(link: ServerLink, reason: string): void {
    const { env, dialer, logger } = this.#deps;
    dialer.learn(link);
    if (this.ended) return;
    logger.info({ session: this.id, server: link.server, reason }, 'link to ZooKeeper lost');
    const leftMs = Math.max(0, this.#lastAckAt + this.timeoutMs - env.now());
    const giveUp = env.after(leftMs, () => this.end(`no heartbeat answered for ${this.timeoutMs} ms`));
    this.#phase = { kind: 'away', last: link, dial: leftMs > 0 ? this.#dial() : null, giveUp };
    this.#deps.lost();
  }

  #dial(): Dial {
    return this.#deps.dialer.dial(this.identity, (outcome) => {
      if (outcome.kind === 'expired') this.#expired();
      else this.#resume(outcome.link);
    });
  }

  #resume(link: ServerLink): void {
    if (this.#phase.kind === 'away') {
      this.#phase.giveUp.cancel();
      this.#phase.last.destroy('the session has another link');
    }
    this.#phase = { kind: 'up', link };
    this.#use(link);
    this.#deps.logger.info({ session: this.id, server: link.server }, 'link to ZooKeeper regained');
    this.#deps.resumed();
  }

  // -- heartbeats

  #beat(): void {
    if (this.#phase.kind !== 'up') return;
    const { link } = this.#phase;
    const limitMs = this.timeoutMs / 3;
    const path = this.#leasedPath;
    const sentAt = this.#deps.env.now();
    const beat = path === null ? link.ping(limitMs) : this.#leaseBeat(link, path, limitMs);
    beat.then(
      () => {
        this.#lastAckAt = Math.max(this.#lastAckAt, sentAt);
      },
      (error: unknown) => this.#missed(link, error),
    );
  }

  async #leaseBeat(link: ServerLink, path: string, limitMs: number): Promise<void> {
    const { env, config, tickMs } = this.#deps;
    const sentAt = env.now();
    await link.multi([existence('/'), existence(path)], limitMs);
    const terms = {
      timeoutMs: Math.min(this.timeoutMs, link.timeoutMs),
      tickMs: tickMs() ?? this.timeoutMs / 2,
      slackMs: config.leaseSlackMs,
    };
    this.#lease.answered({ sentAt, answeredAt: env.now() }, terms);
  }

  #missed(link: ServerLink, error: unknown): void {
    const failure = error instanceof ZkError ? error.failure : null;
    switch (failure) {
      case 'disconnected':
      case 'lost':
      case 'ended':
        return;
      case 'timeout':
        link.park('heartbeat unanswered');
        return;
      case 'no-node':
        this.end(`heartbeat: ${String(error)}`);
        return;
      default:
        this.#deps.logger.error({ session: this.id, error: String(error) }, 'heartbeat refused');
        link.destroy('heartbeat refused');
    }
  }

  // -- operations

  get #operationMs(): number {
    return Math.max(OPERATION_MS_MIN, this.timeoutMs);
  }

  #on<T>(path: string, operation: (link: ServerLink) => Promise<T>): Promise<T> {
    switch (this.#phase.kind) {
      case 'up':
        return operation(this.#phase.link);
      case 'away':
        return Promise.reject(new ZkError('disconnected', path));
      case 'ended':
        return Promise.reject(new ZkError('ended', path));
    }
  }
}
