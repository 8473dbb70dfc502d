// One connection to one server of the ensemble: the twin of common/zk/link.ts, used by the real sessions, observers and leases.

import { fromHex, toHex } from '../../../common/base/bytes.ts';
import type { Timer } from '../../../common/base/env.ts';
import type { Address } from '../../../common/model/address.ts';
import { type Asked, unanswered } from '../../../common/zk/answers.ts';
import type {
  Handshake,
  Identity,
  LinkListener,
  LinkOptions,
  OpenLink,
  ServerLink,
} from '../../../common/zk/server-link.ts';
import {
  type CreateMode,
  ZkError,
  type ZkFailure,
  type ZkNode,
  type ZkOp,
  type ZkOpResult,
} from '../../../common/zk/store.ts';
import type { Process } from './host.ts';
import { type Breakable, Pipe } from './network.ts';
import type { ZkEnsemble } from './zk-ensemble.ts';
import type { ClientEnd, ServerConnection, ZkReply, ZkRequest, ZkServer } from './zk-server.ts';

interface Pending extends Asked {
  settle(reply: ZkReply): void;
  fail(failure: ZkFailure, reason: string): void;
}

type Refused = ZkReply & { readonly kind: 'refused' };

type State =
  | { kind: 'dialing'; report: (handshake: Handshake) => void; timer: Timer }
  | { kind: 'up' | 'closing'; listener: LinkListener | null }
  | { kind: 'parked'; reason: string }
  | { kind: 'down'; reason: string };

/** The id of a request whose answer nobody waits for. */
const NO_REPLY = 0;

export function linksOf(ensemble: ZkEnsemble, process: Process): OpenLink {
  return (options, report) => new TwinLink(ensemble, process, options, report);
}

class TwinLink implements ServerLink, Breakable, ClientEnd {
  readonly hosts: readonly [string, string];
  readonly #ensemble: ZkEnsemble;
  readonly #process: Process;
  readonly #options: LinkOptions;
  readonly #server: ZkServer;
  readonly #out: Pipe;
  readonly #in: Pipe;
  readonly #pending = new Map<number, Pending>();
  #state: State;
  /** The server's end, once the server has accepted the session; the client may not have the answer yet. */
  #serverEnd: ServerConnection | null = null;
  /** The server has received a request to close the session, possibly before it has made the session. */
  #closeRequested = false;
  #identity: Identity = { id: '', password: new Uint8Array(0) };
  #timeoutMs = 0;
  #seenZxid: bigint;
  #nextId = 1;

  constructor(
    ensemble: ZkEnsemble,
    process: Process,
    options: LinkOptions,
    report: (handshake: Handshake) => void,
  ) {
    const server = ensemble.server(options.server.host);
    if (server === undefined) throw new Error(`no server ${options.server.host}`);
    this.#ensemble = ensemble;
    this.#process = process;
    this.#options = options;
    this.#server = server;
    this.#seenZxid = options.seenZxid;
    this.hosts = [process.host.name, server.host.name];
    this.#out = new Pipe(ensemble.world.network, process.host.machine, server.host.name);
    this.#in = new Pipe(ensemble.world.network, server.host.name, process.host.machine);
    const reason = 'no handshake in time';
    const timer = options.env.after(options.handshakeMs, () =>
      this.#end(reason, { kind: 'failed', reason, slow: true }),
    );
    this.#state = { kind: 'dialing', report, timer };
    ensemble.world.network.register(this);
    this.#out.send(() => this.#shakeHands());
  }

  get identity(): Identity {
    return this.#identity;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  get seenZxid(): bigint {
    return this.#seenZxid;
  }

  get server(): Address {
    return this.#options.server;
  }

  // ---- the handshake, at the server ------------------------------------------------------------------------------

  #shakeHands(): void {
    const refuse = (reason: string) => this.dropped(reason);
    if (this.#server.state === 'down') return refuse('refused');
    if (BigInt(this.#server.applied) < this.#options.seenZxid) return refuse('the server is behind');
    const { world } = this.#ensemble;
    // Only the leader can make a session, or move one to this server.
    world.clock.after(world.between(0.2, 2), () => {
      if (!this.#ensemble.reachesLeader(this.#server)) return;
      // The server cannot know whether the client still waits for the answer.
      const { identity, sessionMs, closing } = this.#options;
      const session =
        identity === null ? this.#ensemble.openSession(sessionMs) : this.#ensemble.sessions.get(identity.id);
      if (session === undefined || (identity !== null && toHex(identity.password) !== session.password)) {
        return this.#answer(() => this.#expire());
      }
      this.#ensemble.touch(session);
      const connection = this.#server.connect(session, this);
      this.#serverEnd = connection;
      this.#answer(() => this.#cameUp(connection));
      if (closing || this.#closeRequested) this.#server.receive(connection, NO_REPLY, { kind: 'close' });
    });
  }

  /** At the server: the request to close the session of a process that has stopped waiting for it. */
  #closeRequest(): void {
    this.#closeRequested = true;
    if (this.#serverEnd === null) return;
    this.#ensemble.world.story.count('zk-orphan-closed');
    this.#server.receive(this.#serverEnd, NO_REPLY, { kind: 'close' });
  }

  /** Sends an answer to this process, in order. */
  #answer(task: () => void): void {
    this.#in.send(this.#process.gate(task));
  }

  #cameUp(connection: ServerConnection): void {
    if (this.#state.kind !== 'dialing') return this.#closeServerEnd();
    const { report, timer } = this.#state;
    const { id, password, timeoutMs } = connection.session;
    this.#identity = { id, password: fromHex(password) };
    this.#timeoutMs = timeoutMs;
    timer.cancel();
    this.#state = { kind: 'up', listener: null };
    report({ kind: 'up' });
  }

  // ---- what the server sends -------------------------------------------------------------------------------------

  replied(id: number, reply: ZkReply, zxid: number): void {
    this.#answer(() => {
      this.#see(zxid);
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      pending?.settle(reply);
    });
  }

  changed(path: string, zxid: number): void {
    this.#answer(() => {
      this.#see(zxid);
      if (this.#state.kind === 'up') this.#state.listener?.changed(this.#relative(path));
    });
  }

  dropped(reason: string): void {
    this.#answer(() => this.destroy(reason));
  }

  #see(zxid: number): void {
    if (BigInt(zxid) > this.#seenZxid) this.#seenZxid = BigInt(zxid);
  }

  breakAt(host: string, reason: string): void {
    if (host === this.#process.host.name) this.#process.gate(() => this.destroy(reason))();
    else if (this.#serverEnd !== null) this.#server.forget(this.#serverEnd);
  }

  died(): void {
    this.#closeServerEnd();
    this.#ensemble.world.network.forget(this);
  }

  /** Closes the server's end, as soon as the network delivers that. */
  #closeServerEnd(): void {
    const serverEnd = this.#serverEnd;
    if (serverEnd !== null) this.#out.send(() => this.#server.forget(serverEnd));
  }

  // ---- ServerLink ------------------------------------------------------------------------------------------------

  listen(listener: LinkListener): void {
    if (this.#state.kind === 'up') this.#state.listener = listener;
    if (this.#state.kind === 'down' || this.#state.kind === 'parked') listener.down(this.#state.reason);
  }

  async read(path: string, watch: boolean, timeoutMs: number): Promise<ZkNode | null> {
    const reply = await this.#ask(
      { path, isWrite: false },
      { kind: 'get', path: this.#absolute(path), watch },
      timeoutMs,
    );
    return reply.kind === 'node' ? reply.node : null;
  }

  async readChildren(path: string, watch: boolean, timeoutMs: number): Promise<readonly string[] | null> {
    const request = { kind: 'children', path: this.#absolute(path), watch } as const;
    const reply = await this.#ask({ path, isWrite: false }, request, timeoutMs);
    return reply.kind === 'names' ? reply.names : null;
  }

  async ping(timeoutMs: number): Promise<void> {
    await this.#ask({ path: '/', isWrite: false }, { kind: 'ping' }, timeoutMs);
  }

  async create(path: string, data: Uint8Array, mode: CreateMode, timeoutMs: number): Promise<string> {
    const [result] = await this.#single({ kind: 'create', path, data, mode }, timeoutMs);
    if (result?.kind !== 'created') throw new ZkError('protocol', path);
    return result.path;
  }

  async createRoot(timeoutMs: number): Promise<void> {
    const names = this.#options.root.split('/').slice(1);
    for (const [index] of names.entries()) {
      const path = `/${names.slice(0, index + 1).join('/')}`;
      const op: ZkOp = { kind: 'create', path, data: new Uint8Array(0), mode: 'persistent' };
      const reply = await this.#ask({ path, isWrite: true }, { kind: 'write', ops: [op] }, timeoutMs);
      if (reply.kind === 'refused' && reply.failure !== 'node-exists') throw this.#refusal(reply, {});
    }
  }

  async set(path: string, data: Uint8Array, version: number, timeoutMs: number): Promise<number> {
    const [result] = await this.#single({ kind: 'set', path, data, version }, timeoutMs);
    if (result?.kind !== 'set') throw new ZkError('protocol', path);
    return result.version;
  }

  async delete(path: string, version: number, timeoutMs: number): Promise<void> {
    await this.#single({ kind: 'delete', path, version }, timeoutMs);
  }

  multi(ops: readonly ZkOp[], timeoutMs: number): Promise<readonly ZkOpResult[]> {
    return this.#write(ops, timeoutMs, (opIndex) => ({ opIndex }));
  }

  #single(op: ZkOp, timeoutMs: number): Promise<readonly ZkOpResult[]> {
    return this.#write([op], timeoutMs, () => ({}));
  }

  /** @param details what the error of a refusal says about the operation with that index */
  async #write(
    ops: readonly ZkOp[],
    timeoutMs: number,
    details: (opIndex: number) => { readonly opIndex?: number },
  ): Promise<readonly ZkOpResult[]> {
    const path = ops[0]?.path ?? '/';
    const absolute = ops.map((op) => ({ ...op, path: this.#absolute(op.path) }));
    const reply = await this.#ask({ path, isWrite: true }, { kind: 'write', ops: absolute }, timeoutMs);
    if (reply.kind === 'refused') throw this.#refusal(reply, details(reply.opIndex));
    if (reply.kind !== 'written') throw new ZkError('protocol', path);
    return reply.results.map((result) =>
      result.kind === 'created' ? { ...result, path: this.#relative(result.path) } : result,
    );
  }

  #refusal({ failure, path }: Refused, details: { readonly opIndex?: number }): ZkError {
    if (failure === 'ended') this.#options.env.soon(() => this.#expire());
    return new ZkError(failure, this.#relative(path), details);
  }

  #absolute(path: string): string {
    const { root } = this.#options;
    if (path === '/') return root === '' ? '/' : root;
    return root + path;
  }

  #relative(absolute: string): string {
    return absolute.slice(this.#options.root.length);
  }

  async close(timeoutMs: number): Promise<void> {
    const state = this.#state;
    if (state.kind !== 'up' && state.kind !== 'parked') return this.destroy('closed');
    const listener = state.kind === 'up' ? state.listener : null;
    await new Promise<void>((resolve) => {
      const timer = this.#options.env.after(timeoutMs, () => this.destroy('closed, no answer'));
      const finish = (reason: string) => {
        timer.cancel();
        listener?.down(reason);
        resolve();
      };
      const asked: Pending = { path: '/', isWrite: true, settle: () => this.destroy('closed'), fail() {} };
      if (!this.#options.closing) this.#send({ kind: 'close' }, asked);
      this.#state = { kind: 'closing', listener: { down: finish, expired() {}, changed() {} } };
    });
  }

  destroy(reason: string): void {
    this.#end(reason, { kind: 'failed', reason, slow: false });
  }

  park(reason: string): void {
    if (this.#state.kind !== 'up') return this.destroy(reason);
    const { listener } = this.#state;
    this.#state = { kind: 'parked', reason };
    this.#failPending(reason);
    listener?.down(reason);
  }

  #expire(): void {
    if (this.#state.kind === 'up') this.#state.listener?.expired();
    this.#end('session expired', { kind: 'expired' });
  }

  #end(reason: string, handshake: Handshake): void {
    const state = this.#state;
    if (state.kind === 'down') return;
    this.#state = { kind: 'down', reason };
    if (state.kind === 'dialing' && this.#options.identity === null)
      this.#out.send(() => this.#closeRequest());
    else this.#closeServerEnd();
    this.#ensemble.world.network.forget(this);
    this.#failPending(reason);
    if (state.kind === 'dialing') {
      state.timer.cancel();
      state.report(handshake);
    } else if (state.kind !== 'parked') {
      state.listener?.down(reason);
    }
  }

  #failPending(reason: string): void {
    const abandoned = [...this.#pending.values()];
    this.#pending.clear();
    for (const op of abandoned) op.fail('lost', `no answer, ${reason}`);
  }

  #ask(asked: Asked, request: ZkRequest, timeoutMs: number): Promise<ZkReply> {
    if (this.#state.kind !== 'up') return Promise.reject(new ZkError('disconnected', asked.path));
    const { env } = this.#options;
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        ...asked,
        settle: (reply) => {
          timer.cancel();
          resolve(reply);
        },
        fail: (failure, reason) => {
          timer.cancel();
          reject(unanswered(asked, failure, reason));
        },
      };
      const id = this.#send(request, pending);
      const timer = env.after(timeoutMs, () =>
        env.soon(() => {
          if (this.#pending.delete(id))
            pending.fail('timeout', `no answer within ${Math.round(timeoutMs)} ms`);
        }),
      );
    });
  }

  #send(request: ZkRequest, pending: Pending): number {
    const id = this.#nextId++;
    this.#pending.set(id, pending);
    const serverEnd = this.#serverEnd;
    this.#out.send(() => serverEnd !== null && this.#server.receive(serverEnd, id, request));
    return id;
  }
}
