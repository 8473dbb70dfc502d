// Implements ZooKeeper for the life of a process (store.ts): one session after the other, and observers that outlive them.

import type { Env } from '../base/env.ts';
import type { Logger } from '../base/log.ts';
import { checkSession, type SessionConfig } from '../model/config.ts';
import { parseConnectString } from '../model/connect-string.ts';
import type { SessionId } from '../model/ids.ts';
import { closeThrough } from './close-session.ts';
import { type Dial, Dialer } from './dialer.ts';
import { Link } from './link.ts';
import { callListener } from './listener-call.ts';
import { Observers } from './observers.ts';
import type { Identity, OpenLink } from './server-link.ts';
import { LiveSession, type SessionDeps } from './session.ts';
import { type Observer, type Unsubscribe, type Zk, ZkError, type ZkNode, type ZkSession } from './store.ts';

export interface ZkOptions {
  /** `host:port,host:port/root` */
  readonly connect: string;
  readonly config: SessionConfig;
  readonly env: Env;
  readonly logger: Logger;
  /**
   * ZooKeeper's tickTime in ms, for the lease. It is called at every heartbeat, as the value may become known later, from `/cluster`.
   * Absent or null: half the negotiated session timeout. That is safe, because servers allow no timeout below two ticks.
   */
  readonly tickMs?: () => number | null;
  /**
   * The session of this process's predecessor, which is known to be dead. It counts as a former session of this process
   * ({@link Zk.closeFormer}).
   */
  readonly former?: Identity | null;
  /** Called for each new session before all others, with what another process needs to close it. */
  readonly identified?: (identity: Identity) => void;
  /** A new session is used once this has resolved, unless it has ended by then. A rejection ends the process. */
  readonly admit?: (session: ZkSession) => Promise<void>;
  /** The real one unless a twin is given. */
  readonly openLink?: OpenLink;
}

const openRealLink: OpenLink = (options, report) => new Link(options, report);

/** Starts to connect. Throws RangekeeperError INVALID_ARGUMENT for a malformed connect string. */
export function connectZk(options: ZkOptions): Zk {
  checkSession(options.config);
  return new ConnectedZk(options);
}

/** How many former sessions are remembered, so that they can be closed if they still hold an ephemeral. */
const FORMER_MAX = 16;
const FORMER_CLOSE_MS = 1_000;

class ConnectedZk implements Zk {
  readonly #env: Env;
  readonly #logger: Logger;
  readonly #dialer: Dialer;
  readonly #observers: Observers;
  readonly #deps: SessionDeps;
  readonly #listeners = new Set<(session: ZkSession) => void>();
  readonly #connectionListeners = new Set<(connected: boolean) => void>();
  #connected = false;
  /** Each ends one call of `ready` that waits. */
  readonly #waiting = new Set<(text: string) => void>();
  readonly #former = new Map<SessionId, Identity>();
  readonly #identified: (identity: Identity) => void;
  readonly #admit: ((session: ZkSession) => Promise<void>) | null;
  /** The newest session, which may not be in use yet. */
  #newest: LiveSession | null = null;
  #session: LiveSession | null = null;
  #dial: Dial | null = null;
  #closed = false;

  constructor(options: ZkOptions) {
    const { connect, config, env, logger, tickMs, former = null, openLink = openRealLink } = options;
    this.#env = env;
    this.#logger = logger;
    this.#identified = options.identified ?? (() => {});
    this.#admit = options.admit ?? null;
    if (former !== null) this.#former.set(former.id, former);
    this.#dialer = new Dialer(parseConnectString(connect), config.sessionMs, env, logger, openLink);
    this.#observers = new Observers(env, logger, config.pollMs, () => this.#session);
    this.#deps = {
      env,
      logger,
      config,
      dialer: this.#dialer,
      tickMs: tickMs ?? (() => null),
      changed: (path) => this.#observers.kick(path),
      lost: () => this.#connectionChanged(),
      resumed: () => {
        this.#observers.kickAll();
        this.#connectionChanged();
      },
    };
    this.#open();
  }

  get session(): ZkSession | null {
    return this.#session;
  }

  onSession(listener: (session: ZkSession) => void): Unsubscribe {
    this.#listeners.add(listener);
    if (this.#session !== null) this.#tell(listener, this.#session);
    return () => this.#listeners.delete(listener);
  }

  onConnection(listener: (connected: boolean) => void): Unsubscribe {
    this.#connectionListeners.add(listener);
    this.#reportConnection(listener);
    return () => this.#connectionListeners.delete(listener);
  }

  ready(timeoutMs: number): Promise<ZkSession> {
    if (this.#session !== null) return Promise.resolve(this.#session);
    return new Promise((resolve, reject) => {
      const giveUp = (text: string) => {
        timer.cancel();
        forget();
        this.#waiting.delete(giveUp);
        reject(new ZkError('timeout', '/', { message: text }));
      };
      const timer = this.#env.after(timeoutMs, () => giveUp(`no ZooKeeper session within ${timeoutMs} ms`));
      const forget = this.onSession((session) => {
        timer.cancel();
        this.#waiting.delete(giveUp);
        this.#env.soon(forget);
        resolve(session);
      });
      this.#waiting.add(giveUp);
    });
  }

  observeData(path: string, listener: (node: ZkNode | null) => void): Observer {
    return this.#observers.observeData(path, listener);
  }

  observeChildren(path: string, listener: (names: readonly string[] | null) => void): Observer {
    return this.#observers.observeChildren(path, listener);
  }

  async closeFormer(id: SessionId): Promise<boolean> {
    const identity = this.#former.get(id);
    if (identity === undefined) return false;
    await closeThrough(this.#dialer, identity, FORMER_CLOSE_MS, this.#env);
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#dial?.cancel();
    for (const giveUp of [...this.#waiting]) giveUp('closed before there was a ZooKeeper session');
    this.#observers.closeAll();
    this.#listeners.clear();
    this.#connectionListeners.clear();
    await this.#newest?.close();
  }

  #open(): void {
    this.#dial = this.#dialer.dial(null, (outcome) => {
      if (outcome.kind === 'expired') this.#open();
      else this.#begun(new LiveSession(outcome.link, this.#deps));
    });
  }

  #begun(session: LiveSession): void {
    this.#dial = null;
    this.#newest = session;
    this.#logger.info({ session: session.id, timeoutMs: session.timeoutMs }, 'ZooKeeper session');
    this.#identified(session.identity);
    session.onEnd((reason) => this.#ended(session, reason));
    if (this.#admit === null) return this.#use(session);
    this.#admit(session).then(
      () => this.#use(session),
      (error: unknown) =>
        this.#env.soon(() => {
          throw error;
        }),
    );
  }

  #use(session: LiveSession): void {
    if (session.ended || this.#closed) return;
    this.#session = session;
    for (const listener of [...this.#listeners]) this.#tell(listener, session);
    this.#observers.kickAll();
    this.#connectionChanged();
  }

  #ended(session: LiveSession, reason: string): void {
    this.#newest = null;
    this.#session = null;
    if (this.#closed) return;
    this.#connectionChanged();
    this.#logger.warn({ session: session.id, reason }, 'ZooKeeper session ended');
    this.#former.set(session.id, session.identity);
    const oldest = this.#former.keys().next().value;
    if (this.#former.size > FORMER_MAX && oldest !== undefined) this.#former.delete(oldest);
    this.#open();
  }

  #connectionChanged(): void {
    const connected = this.#session?.connected === true;
    if (connected === this.#connected) return;
    this.#connected = connected;
    for (const listener of [...this.#connectionListeners]) this.#reportConnection(listener);
  }

  #reportConnection(listener: (connected: boolean) => void): void {
    const connected = this.#connected;
    callListener(this.#env, this.#logger, { connected }, () => listener(connected));
  }

  #tell(listener: (session: ZkSession) => void, session: ZkSession): void {
    callListener(this.#env, this.#logger, { session: session.id }, () => listener(session));
  }
}
