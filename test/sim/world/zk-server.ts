// One server of the ensemble: its copy of the tree, the connections of its clients and their watches. The requests of a client
// are served in order. A write is answered when this server has applied it.

import type { ZkFailure, ZkNode, ZkOp, ZkOpResult } from '../../../common/zk/store.ts';
import type { Host } from './host.ts';
import type { Committed, ServerSession, ZkEnsemble } from './zk-ensemble.ts';
import { type Change, type Transaction, ZkTree } from './zk-tree.ts';

export type ZkRequest =
  | { readonly kind: 'get'; readonly path: string; readonly watch: boolean }
  | { readonly kind: 'children'; readonly path: string; readonly watch: boolean }
  | { readonly kind: 'ping' }
  | { readonly kind: 'write'; readonly ops: readonly ZkOp[] }
  | { readonly kind: 'close' };

export type ZkReply =
  | { readonly kind: 'node'; readonly node: ZkNode | null }
  | { readonly kind: 'names'; readonly names: readonly string[] | null }
  | { readonly kind: 'pong' }
  | { readonly kind: 'written'; readonly results: readonly ZkOpResult[] }
  | { readonly kind: 'refused'; readonly failure: ZkFailure; readonly path: string; readonly opIndex: number }
  | { readonly kind: 'closed' };

/** The client's end of a connection. The server calls these in order. */
export interface ClientEnd {
  replied(id: number, reply: ZkReply, zxid: number): void;
  changed(path: string, zxid: number): void;
  dropped(reason: string): void;
}

type WatchKind = 'data' | 'children';

export class ServerConnection {
  readonly server: ZkServer;
  readonly session: ServerSession;
  readonly client: ClientEnd;
  readonly queue: { readonly id: number; readonly request: ZkRequest }[] = [];
  writing = false;
  open = true;

  constructor(server: ZkServer, session: ServerSession, client: ClientEnd) {
    this.server = server;
    this.session = session;
    this.client = client;
  }
}

export class ZkServer {
  readonly host: Host;
  /** `isolated`: cut off from the other servers, but its clients still reach it. */
  state: 'up' | 'isolated' | 'down' = 'up';
  /** Watch events get lost with this probability: the product takes them for hints only. */
  watchLoss = 0;
  /** Writes or their answers get lost with this probability, and the connection breaks. */
  answerLoss = 0;
  /** Maximum delay behind the leader, ms. */
  lagMs = 2;
  readonly #ensemble: ZkEnsemble;
  #tree = new ZkTree();
  #applied = 0;
  #inbox: Transaction[] = [];
  #applyDue = false;
  #waiting: { readonly zxid: number; readonly run: () => void }[] = [];
  #touched = new Set<string>();
  readonly #connections = new Set<ServerConnection>();
  readonly #watches = new Map<string, Set<ServerConnection>>();

  constructor(ensemble: ZkEnsemble, host: Host) {
    this.#ensemble = ensemble;
    this.host = host;
  }

  get applied(): number {
    return this.#applied;
  }

  // ---- the ensemble's side ---------------------------------------------------------------------------------------

  deliver(transaction: Transaction): void {
    if (this.state !== 'up') return;
    this.#inbox.push(transaction);
    this.#scheduleApply();
  }

  /** Restarts with the data that the ensemble has now, and drops the connections of its clients. */
  restartWith(log: readonly Transaction[]): void {
    this.dropClients('started again on other data');
    this.catchUp(log);
  }

  catchUp(log: readonly Transaction[]): void {
    this.#inbox = [];
    for (const transaction of log.slice(this.#applied)) this.#apply(transaction);
  }

  takeTouched(): ReadonlySet<string> {
    const touched = this.#touched;
    this.#touched = new Set();
    return touched;
  }

  sessionClosed(id: string, zxid: number): void {
    this.#whenApplied(zxid, () => {
      for (const connection of [...this.#connections]) {
        if (connection.session.id === id) this.drop(connection, 'session closed');
      }
    });
  }

  dropClients(reason: string): void {
    for (const connection of [...this.#connections]) this.drop(connection, reason);
    this.#waiting = [];
  }

  drop(connection: ServerConnection, reason: string): void {
    if (!connection.open) return;
    this.forget(connection);
    connection.client.dropped(reason);
  }

  #scheduleApply(): void {
    if (this.#applyDue) return;
    this.#applyDue = true;
    const { world } = this.#ensemble;
    const ms = this === this.#ensemble.leader ? 0.1 : world.between(0.2, 0.2 + this.lagMs);
    world.clock.after(ms, () => {
      this.#applyDue = false;
      if (this.state !== 'up') return;
      for (const transaction of this.#inbox.splice(0)) this.#apply(transaction);
    });
  }

  #apply({ zxid, changes, replacement }: Transaction): void {
    if (replacement !== undefined) this.#tree = replacement.copy();
    for (const change of changes) {
      const existed = this.#tree.get(change.path) !== null;
      this.#tree.apply([change]);
      this.#fire(change, existed, zxid);
    }
    this.#applied = zxid;
    const due = this.#waiting.filter((waiting) => waiting.zxid <= zxid);
    this.#waiting = this.#waiting.filter((waiting) => waiting.zxid > zxid);
    for (const { run } of due) run();
  }

  #whenApplied(zxid: number, run: () => void): void {
    if (zxid <= this.#applied) run();
    else this.#waiting.push({ zxid, run });
  }

  // ---- clients ---------------------------------------------------------------------------------------------------

  connect(session: ServerSession, client: ClientEnd): ServerConnection {
    const connection = new ServerConnection(this, session, client);
    session.owner = connection;
    this.#connections.add(connection);
    this.#touched.add(session.id);
    return connection;
  }

  forget(connection: ServerConnection): void {
    connection.open = false;
    this.#connections.delete(connection);
    for (const watchers of this.#watches.values()) watchers.delete(connection);
  }

  receive(connection: ServerConnection, id: number, request: ZkRequest): void {
    if (!connection.open || this.state === 'down') return;
    this.#touched.add(connection.session.id);
    connection.queue.push({ id, request });
    this.#serve(connection);
  }

  #serve(connection: ServerConnection): void {
    while (connection.open && !connection.writing) {
      const next = connection.queue.shift();
      if (next === undefined) return;
      const { id, request } = next;
      switch (request.kind) {
        case 'get':
          if (request.watch) this.#watch('data', request.path, connection);
          this.#reply(connection, id, { kind: 'node', node: this.#tree.get(request.path) });
          break;
        case 'children': {
          const names = this.#tree.children(request.path);
          if (request.watch) this.#watch(names === null ? 'data' : 'children', request.path, connection);
          this.#reply(connection, id, { kind: 'names', names });
          break;
        }
        case 'ping':
          this.#reply(connection, id, { kind: 'pong' });
          break;
        default:
          this.#forward(connection, id, request);
      }
    }
  }

  /** Sends a write to the leader and its result back. Without a leader the request waits until the connection is dropped. */
  #forward(connection: ServerConnection, id: number, request: ZkRequest & { kind: 'write' | 'close' }): void {
    const { world } = this.#ensemble;
    connection.writing = true;
    const lost = world.chance(this.answerLoss) ? (world.chance(0.7) ? 'answer' : 'request') : null;
    world.clock.after(world.between(0.2, 1.5), () => {
      if (!connection.open && world.chance(0.5)) return;
      if (lost === 'request') return this.#lose(connection, lost);
      if (!this.#ensemble.reachesLeader(this)) return;
      if (connection.session.owner !== connection) return this.drop(connection, 'the session has moved');
      this.#ensemble.inOrder(() => {
        const committed = this.#commit(connection, request);
        if (!connection.open || lost === 'answer') return;
        this.#whenApplied(committed.zxid, () => {
          connection.writing = false;
          this.#reply(connection, id, replyOf(committed, request));
          this.#serve(connection);
        });
      });
      if (lost === 'answer') this.#lose(connection, lost);
    });
  }

  #lose(connection: ServerConnection, what: 'answer' | 'request'): void {
    this.#ensemble.world.story.count(`zk-${what}-lost`);
    this.drop(connection, `the ${what} was lost`);
  }

  #commit(connection: ServerConnection, request: ZkRequest & { kind: 'write' | 'close' }): Committed {
    if (request.kind === 'write') return this.#ensemble.write(connection.session, request.ops);
    return { kind: 'done', zxid: this.#ensemble.closeSession(connection.session), results: [] };
  }

  #reply(connection: ServerConnection, id: number, reply: ZkReply): void {
    if (connection.open) connection.client.replied(id, reply, this.#applied);
  }

  // ---- watches ---------------------------------------------------------------------------------------------------

  #watch(kind: WatchKind, path: string, connection: ServerConnection): void {
    const key = `${kind} ${path}`;
    const watchers = this.#watches.get(key);
    if (watchers === undefined) this.#watches.set(key, new Set([connection]));
    else watchers.add(connection);
  }

  #fire({ path, node }: Change, existed: boolean, zxid: number): void {
    this.#notifyWatchers(`data ${path}`, path, zxid);
    if (node === null) this.#notifyWatchers(`children ${path}`, path, zxid);
    if (node !== null && existed) return;
    const parent = path.slice(0, path.lastIndexOf('/')) || '/';
    this.#notifyWatchers(`children ${parent}`, parent, zxid);
  }

  #notifyWatchers(key: string, path: string, zxid: number): void {
    const watchers = this.#watches.get(key);
    if (watchers === undefined) return;
    this.#watches.delete(key);
    for (const connection of watchers) {
      if (this.#ensemble.world.chance(this.watchLoss)) this.#ensemble.world.story.count('zk-watch-lost');
      else connection.client.changed(path, zxid);
    }
  }
}

function replyOf(committed: Committed, request: ZkRequest): ZkReply {
  if (request.kind === 'close') return { kind: 'closed' };
  switch (committed.kind) {
    case 'done':
      return { kind: 'written', results: committed.results };
    case 'refused': {
      const { failure, path, opIndex } = committed.decision;
      return { kind: 'refused', failure, path, opIndex };
    }
    case 'ended':
      return { kind: 'refused', failure: 'ended', path: '/', opIndex: 0 };
  }
}
