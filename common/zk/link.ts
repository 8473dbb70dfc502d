// One connection to one ZooKeeper server: the only file that uses node-zookeeper-client. Most defects of the library are in what it
// keeps from one connection to the next: incomplete packets, queued operations, watches, endless reconnection. So a Link uses a
// client of the library for a single connection and drops it afterwards. The next Link resumes the session by its id and password.
// Other defects are avoided here: packets are split before the library parses them, its exceptions are caught, error codes that it
// does not know are masked, and every operation is answered or fails.

import zookeeper, { type Client, type LibraryError } from 'node-zookeeper-client';
import jute, { type MultiOp } from 'node-zookeeper-client/lib/jute/index.js';
import { never, present } from '../base/assert.ts';
import { emptyBytes, toHex } from '../base/bytes.ts';
import type { Timer } from '../base/env.ts';
import { type Address, formatAddress } from '../model/address.ts';
import { type Asked, multiResults, NO_NODE, refusal, settleWith, toNode, unanswered } from './answers.ts';
import { CLOSE_REQUEST, sendCloseRequest } from './close-request.ts';
import { dialFailure, noteErrorCode } from './dial-failure.ts';
import { PacketCutter } from './packet-cutter.ts';
import type { Handshake, Identity, LinkListener, LinkOptions, ServerLink } from './server-link.ts';
import {
  type CreateMode,
  ZkError,
  type ZkFailure,
  type ZkNode,
  type ZkOp,
  type ZkOpResult,
} from './store.ts';

interface PendingOp extends Asked {
  fail(failure: ZkFailure, reason: string): void;
}

/** How a callback of the library passes on its result. `value` is called only if there is no error. */
type Done<T> = (error: LibraryError | null | undefined, value: () => T) => void;

type WatchKind = 'data' | 'children';

type State =
  | { kind: 'dialing'; report: (handshake: Handshake) => void; timer: Timer; handshakeSent: boolean }
  | { kind: 'up'; listener: LinkListener | null }
  | { kind: 'parked'; reason: string }
  | { kind: 'closing'; listener: LinkListener | null }
  | { kind: 'down'; reason: string };

const MODES: Readonly<Record<CreateMode, number>> = {
  persistent: zookeeper.CreateMode.PERSISTENT,
  ephemeral: zookeeper.CreateMode.EPHEMERAL,
  'persistent-sequential': zookeeper.CreateMode.PERSISTENT_SEQUENTIAL,
  'ephemeral-sequential': zookeeper.CreateMode.EPHEMERAL_SEQUENTIAL,
};

/** The code of a system error. The library is given it instead of an error code that it would throw on. */
const MASK = -1;
const KNOWN_CODES = new Set(Object.values(zookeeper.Exception).filter((code) => typeof code === 'number'));

export class Link implements ServerLink {
  readonly #options: LinkOptions;
  readonly #client: Client;
  readonly #cutter = new PacketCutter();
  readonly #pending = new Set<PendingOp>();
  /** One function for each path and kind of watch, so that reading a path again does not add another watcher to the library. */
  readonly #watchers = new Map<string, () => void>();
  #state: State;
  #seenZxid: bigint;

  /** Dials at once. Calls `report` once, after the constructor has returned. */
  constructor(options: LinkOptions, report: (handshake: Handshake) => void) {
    this.#options = options;
    this.#seenZxid = options.seenZxid;
    this.#client = this.#makeClient();
    const timer = options.env.after(options.connectMs, () => this.destroy('no connection in time'));
    this.#state = { kind: 'dialing', report, timer, handshakeSent: false };
    this.#client.connect();
  }

  /** To be set in the turn in which the link comes up. */
  listen(listener: LinkListener): void {
    if (this.#state.kind === 'up') this.#state.listener = listener;
    if (this.#state.kind === 'down' || this.#state.kind === 'parked') listener.down(this.#state.reason);
  }

  get identity(): Identity {
    return { id: toHex(this.#client.getSessionId()), password: this.#client.getSessionPassword() };
  }

  /** As the server granted it. */
  get timeoutMs(): number {
    return this.#client.getSessionTimeout();
  }

  get seenZxid(): bigint {
    return this.#seenZxid;
  }

  get server(): Address {
    return this.#options.server;
  }

  async read(path: string, watch: boolean, timeoutMs: number): Promise<ZkNode | null> {
    const watcher = watch ? this.#watcher('data', path) : undefined;
    for (;;) {
      const node = await this.#call<ZkNode | null>(path, false, timeoutMs, (done) =>
        this.#client.getData(this.#absolute(path), watcher, (error, data, stat) =>
          isNoNode(error) ? done(null, () => null) : done(error, () => toNode(data, stat)),
        ),
      );
      if (node !== null || !watch) return node;
      // To read an absent znode sets no watch. To ask for its existence does.
      if (!(await this.#exists(path, watcher, timeoutMs))) return null;
    }
  }

  async readChildren(path: string, watch: boolean, timeoutMs: number): Promise<readonly string[] | null> {
    const watcher = watch ? this.#watcher('children', path) : undefined;
    for (;;) {
      const names = await this.#call<readonly string[] | null>(path, false, timeoutMs, (done) =>
        this.#client.getChildren(this.#absolute(path), watcher, (error, children) =>
          isNoNode(error) ? done(null, () => null) : done(error, () => [...children].sort()),
        ),
      );
      if (names !== null || !watch) return names;
      if (!(await this.#exists(path, this.#watcher('data', path), timeoutMs))) return null;
    }
  }

  /** A read that is always answered: the heartbeat of a session without a lease. */
  async ping(timeoutMs: number): Promise<void> {
    await this.#exists('/', undefined, timeoutMs);
  }

  create(path: string, data: Uint8Array, mode: CreateMode, timeoutMs: number): Promise<string> {
    return this.#createAt(path, this.#absolute(path), data, mode, timeoutMs);
  }

  /** Makes the root of the connect string and its parents, if they are missing. */
  async createRoot(timeoutMs: number): Promise<void> {
    const names = this.#options.root.split('/').slice(1);
    for (const [index] of names.entries()) {
      const path = `/${names.slice(0, index + 1).join('/')}`;
      try {
        await this.#createAt(path, path, emptyBytes, 'persistent', timeoutMs);
      } catch (error) {
        if (!(error instanceof ZkError && error.failure === 'node-exists')) throw error;
      }
    }
  }

  set(path: string, data: Uint8Array, version: number, timeoutMs: number): Promise<number> {
    return this.#call<number>(path, true, timeoutMs, (done) =>
      this.#client.setData(this.#absolute(path), Buffer.from(data), version, (error, stat) =>
        done(error, () => stat.version),
      ),
    );
  }

  delete(path: string, version: number, timeoutMs: number): Promise<void> {
    return this.#call<void>(path, true, timeoutMs, (done) =>
      this.#client.remove(this.#absolute(path), version, (error) => done(error, () => undefined)),
    );
  }

  /**
   * The library's own transactions turn version 0 into -1, which means any version, so there would be no compare-and-set on a new
   * znode. Therefore the request is built here from the library's records, with the versions as they are.
   */
  multi(ops: readonly ZkOp[], timeoutMs: number): Promise<readonly ZkOpResult[]> {
    const path = ops[0]?.path ?? '/';
    return this.#call(path, true, timeoutMs, (done) => {
      const header = new jute.protocol.RequestHeader();
      header.type = jute.OP_CODES.MULTI;
      const payload = new jute.TransactionRequest(ops.map((op) => this.#toMultiOp(op)));
      this.#client.connectionManager.queue(new jute.Request(header, payload), (error, response) =>
        done(error, () => {
          const { results } = present(response, 'response of a multi').payload;
          return multiResults(ops, results, (made) => this.#relative(made));
        }),
      );
    });
  }

  /** Closes the session at the server. Resolves when the connection is closed, after `timeoutMs` at the latest. */
  async close(timeoutMs: number): Promise<void> {
    const state = this.#state;
    if (state.kind !== 'up' && state.kind !== 'parked') {
      this.destroy('closed');
      return;
    }
    const { env, closing } = this.#options;
    await new Promise<void>((resolve) => {
      const timer = env.after(timeoutMs, () => this.destroy('closed, no answer'));
      const listener = state.kind === 'up' ? state.listener : null;
      const finish = (reason: string) => {
        timer.cancel();
        listener?.down(reason);
        resolve();
      };
      this.#state = { kind: 'closing', listener: { down: finish, expired: () => {}, changed: () => {} } };
      // A closing link has sent this request together with the handshake.
      if (!closing) this.#client.close();
    });
  }

  /** Drops the connection. Operations without an answer fail as `lost`. The session lives on at the server. */
  destroy(reason: string): void {
    this.#end(reason, { kind: 'failed', reason, slow: false });
  }

  park(reason: string): void {
    if (this.#state.kind !== 'up') return this.destroy(reason);
    const { listener } = this.#state;
    this.#state = { kind: 'parked', reason };
    // Otherwise the library would ping, which prolongs the session.
    this.#client.connectionManager.socket?.setTimeout(0);
    this.#failPending(reason);
    listener?.down(reason);
  }

  #end(reason: string, handshake: Handshake): void {
    const state = this.#state;
    if (state.kind === 'down') return;
    this.#state = { kind: 'down', reason };
    const { socket } = this.#client.connectionManager;
    this.#client.connectionManager.onSocketError(new Error(reason));
    if (state.kind === 'dialing' && state.handshakeSent && this.#options.identity === null)
      sendCloseRequest(socket);
    else socket?.destroy();
    this.#failPending(reason);
    switch (state.kind) {
      case 'dialing':
        state.timer.cancel();
        state.report(handshake);
        return;
      case 'up':
      case 'closing':
        state.listener?.down(reason);
        return;
      case 'parked':
        return;
      default:
        never(state);
    }
  }

  #failPending(reason: string): void {
    for (const op of this.#pending) op.fail('lost', `no answer, ${reason}`);
  }

  // -- the library

  #makeClient(): Client {
    const { server, sessionMs, identity, seenZxid } = this.#options;
    const client = zookeeper.createClient(formatAddress(server.host, server.port), {
      sessionTimeout: sessionMs,
      spinDelay: 0,
      retries: 0,
      ...(identity === null
        ? {}
        : { sessionId: Buffer.from(identity.id, 'hex'), sessionPassword: Buffer.from(identity.password) }),
    });
    const manager = client.connectionManager;
    manager.zxid.writeBigInt64BE(seenZxid);
    manager.findNextServer = (found) => found(server);
    const sendHandshake = manager.onSocketConnected.bind(manager);
    manager.onSocketConnected = () => this.#connected(sendHandshake);
    const parse = manager.onSocketData.bind(manager);
    manager.onSocketData = (chunk) => this.#received(chunk, parse);
    const errorCode = noteErrorCode(manager);
    manager.onSocketClosed = () => {
      const state = this.#state;
      const isDialing = state.kind === 'dialing';
      this.destroy(isDialing ? dialFailure(state.handshakeSent, errorCode()) : 'connection closed');
    };
    client.on('state', (state) => this.#stateChanged(state));
    return client;
  }

  /** Sends the handshake, and the close request of a closing link in the same piece. */
  #connected(sendHandshake: () => void): void {
    if (this.#state.kind !== 'dialing') return;
    const { env, handshakeMs, closing } = this.#options;
    const { socket } = this.#client.connectionManager;
    socket?.cork();
    sendHandshake();
    if (closing) socket?.write(CLOSE_REQUEST);
    socket?.uncork();
    const reason = 'it accepts connections, but has not answered in time';
    this.#state.handshakeSent = true;
    this.#state.timer.cancel();
    this.#state.timer = env.after(handshakeMs, () =>
      this.#end(reason, { kind: 'failed', reason, slow: true }),
    );
  }

  #received(chunk: Buffer, parse: (packet: Buffer) => void): void {
    try {
      this.#cutter.push(chunk);
      for (;;) {
        if (this.#state.kind === 'down') return;
        const packet = this.#cutter.next();
        if (packet === null) return;
        if (this.#state.kind !== 'dialing') this.#inspectReply(packet);
        parse(packet);
      }
    } catch (error) {
      this.destroy(
        `it is no ZooKeeper, or its answer is damaged: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  /** A reply begins with its length, xid (4 bytes), zxid (8) and error code (4). */
  #inspectReply(packet: Buffer): void {
    if (packet.length < 20) return;
    const zxid = packet.readBigInt64BE(8);
    if (zxid > this.#seenZxid) this.#seenZxid = zxid;
    if (!KNOWN_CODES.has(packet.readInt32BE(16))) packet.writeInt32BE(MASK, 16);
  }

  #stateChanged(libraryState: unknown): void {
    switch (libraryState) {
      case zookeeper.State.SYNC_CONNECTED:
        this.#cameUp();
        return;
      case zookeeper.State.EXPIRED:
        this.#expired();
        return;
      case zookeeper.State.AUTH_FAILED:
        this.destroy('ZooKeeper refused the authentication');
        return;
      default:
    }
  }

  #cameUp(): void {
    if (this.#state.kind !== 'dialing') return;
    const { report, timer } = this.#state;
    timer.cancel();
    this.#state = { kind: 'up', listener: null };
    report({ kind: 'up' });
  }

  #expired(): void {
    if (this.#state.kind === 'up') this.#state.listener?.expired();
    this.#end('session expired', { kind: 'expired' });
  }

  #watcher(kind: WatchKind, path: string): () => void {
    const key = `${kind} ${path}`;
    const known = this.#watchers.get(key);
    if (known !== undefined) return known;
    const watcher = () => {
      this.#watchers.delete(key);
      if (this.#state.kind === 'up') this.#state.listener?.changed(path);
    };
    this.#watchers.set(key, watcher);
    return watcher;
  }

  #exists(path: string, watcher: (() => void) | undefined, timeoutMs: number): Promise<boolean> {
    return this.#call<boolean>(path, false, timeoutMs, (done) =>
      this.#client.exists(this.#absolute(path), watcher, (error, stat) => done(error, () => stat !== null)),
    );
  }

  #createAt(
    path: string,
    absolute: string,
    data: Uint8Array,
    mode: CreateMode,
    timeoutMs: number,
  ): Promise<string> {
    return this.#call<string>(path, true, timeoutMs, (done) =>
      this.#client.create(
        absolute,
        Buffer.from(data),
        zookeeper.ACL.OPEN_ACL_UNSAFE,
        MODES[mode],
        (error, made) => done(error, () => this.#relative(made)),
      ),
    );
  }

  #call<T>(path: string, isWrite: boolean, timeoutMs: number, send: (done: Done<T>) => void): Promise<T> {
    if (this.#state.kind !== 'up') return Promise.reject(new ZkError('disconnected', path));
    const { env } = this.#options;
    return new Promise<T>((resolve, reject) => {
      const finish = (settle: () => void) => {
        if (!this.#pending.delete(op)) return;
        timer.cancel();
        settle();
      };
      const op: PendingOp = {
        path,
        isWrite,
        fail: (failure, reason) => finish(() => reject(unanswered(op, failure, reason))),
      };
      // If this process was paused, the answer may have arrived already: `soon` lets it be read first.
      const timer = env.after(timeoutMs, () =>
        env.soon(() => op.fail('timeout', `no answer within ${Math.round(timeoutMs)} ms`)),
      );
      this.#pending.add(op);
      try {
        send((error, value) =>
          finish(() => (error ? reject(this.#refused(op, error)) : settleWith(op, value, resolve, reject))),
        );
      } catch (error) {
        finish(() =>
          reject(new ZkError('protocol', path, { message: `ZooKeeper: ${String(error)} at ${path}` })),
        );
      }
    });
  }

  #refused(op: PendingOp, { code, message }: LibraryError): ZkError {
    const error = refusal(op, code, message);
    if (error.failure === 'ended') this.#options.env.soon(() => this.#expired());
    return error;
  }

  #toMultiOp(op: ZkOp): MultiOp {
    const path = this.#absolute(op.path);
    switch (op.kind) {
      case 'create': {
        const acls = zookeeper.ACL.OPEN_ACL_UNSAFE;
        return { type: jute.OP_CODES.CREATE, path, data: Buffer.from(op.data), acls, mode: MODES[op.mode] };
      }
      case 'set':
        return { type: jute.OP_CODES.SET_DATA, path, data: Buffer.from(op.data), version: op.version };
      case 'delete':
        return { type: jute.OP_CODES.DELETE, path, version: op.version };
      case 'check':
        return { type: jute.OP_CODES.CHECK, path, version: op.version };
      default:
        return never(op);
    }
  }

  #absolute(path: string): string {
    const { root } = this.#options;
    if (path === '/') return root === '' ? '/' : root;
    return root + path;
  }

  #relative(absolute: string): string {
    return absolute.slice(this.#options.root.length);
  }
}

function isNoNode(error: LibraryError | null | undefined): boolean {
  return error?.code === NO_NODE;
}
