// A connection with requests, replies and one-way frames. All frames of one turn of the event loop are sent as one message, because
// a write to a socket costs more than a hundred frames. There are bounds for the number of requests, their time and the bytes that
// wait. One timer serves all deadlines. A connection is closed if nothing arrives for too long, or if what arrives is not this
// protocol. Its requests then fail: with OUTCOME_UNKNOWN if they may have left this process, otherwise with UNREACHABLE.

import { AssertionError, assert, never } from '../base/assert.ts';
import type { Env, Timer } from '../base/env.ts';
import { every } from '../base/env.ts';
import { type ErrorCode, Failure, RangekeeperError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { NodeId } from '../model/ids.ts';
import { EnvelopeReader, encodeEnvelope } from '../wire/codec.ts';
import { failureFromReply, replyFromError } from '../wire/error-reply.ts';
import { type Body, type OneWayBody, PROTOCOL, type ReplyBody, type RequestBody } from '../wire/messages.ts';
import { type ChannelConfig, DEFAULT_CHANNEL } from './channel-config.ts';
import { Deadlines } from './deadlines.ts';
import { Outbox } from './outbox.ts';
import { PendingRequests } from './requests.ts';
import type { Connection, ConnectionHandlers, Transport } from './transport.ts';
import { TurnEnd } from './turn-end.ts';

/** What an end of a connection says of itself in the handshake. */
export interface Identity {
  readonly clusterId: string;
  /** Empty for a client. */
  readonly nodeId: NodeId;
}

/** Is called once when a request has ended, and never from within `request`. */
export interface ReplyHandler {
  /** Byte fields of the body are views. Copy what you keep. */
  replied(body: Exclude<ReplyBody, { kind: 'error' }>, from: Channel): void;
  /** The node's error, or this channel's: OUTCOME_UNKNOWN, UNREACHABLE, DEADLINE, OVERLOADED. */
  failed(error: Failure, from: Channel): void;
}

export interface ChannelHandlers {
  /** The handshake is done. */
  opened?(channel: Channel): void;
  /** A request has arrived. Answer it with `channel.reply(id, ...)`, now or later. */
  request?(channel: Channel, id: number, body: RequestBody): void;
  /** A one-way frame from a node has arrived. */
  received?(channel: Channel, body: OneWayBody): void;
  /** The channel is closed. Called once, and nothing is called after it. The code of `error` says why. */
  closed?(channel: Channel, error: Failure): void;
}

export interface ChannelOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly self: Identity;
  readonly handlers: ChannelHandlers;
  readonly config?: Partial<ChannelConfig>;
  /** Shared with other channels; absent: its own. */
  readonly turnEnd?: TurnEnd;
  /** For accepted connections, called when the other end has said who it is. An error refuses the connection. */
  readonly admit?: (node: NodeId) => Failure | null;
  /** Called whenever frames have been handed to the connection. */
  readonly flushed?: (channel: Channel) => void;
}

export interface DialOptions extends ChannelOptions {
  readonly transport: Transport;
  readonly address: string;
  readonly connectMs: number;
  /** The node that must answer at the address. */
  readonly node: NodeId;
}

/** `connecting`: frames are gathered. `handshake`: connected, and the handshake is not done yet. */
type State = 'connecting' | 'handshake' | 'open' | 'closed';

export class Channel {
  /** The other end: a node's id; empty for a client, and before the handshake of an accepted connection. */
  peerNode: NodeId;
  /** When the last message arrived, an instant of Env.now(). */
  receivedAt = Number.NEGATIVE_INFINITY;
  readonly #env: Env;
  readonly #log: Logger;
  readonly #self: Identity;
  readonly #handlers: ChannelHandlers;
  readonly #admit: ((node: NodeId) => Failure | null) | undefined;
  readonly #config: ChannelConfig;
  readonly #dialled: boolean;
  #state: State = 'connecting';
  #connection: Connection | null = null;
  #heartbeat: Timer | null = null;
  /** Ends the attempt if a dialled channel does not open in time. */
  #dialTimer: Timer | null = null;
  #idleTicks = 0;

  readonly #outbox: Outbox;
  #nextId = 1;
  /** Requests from this id on have not been handed to the connection. */
  #unsentFrom = 1;
  #pending = new PendingRequests<ReplyHandler>();
  readonly #deadlines: Deadlines;
  /** How many requests of the other end are not answered yet. */
  #serving = 0;

  private constructor(options: ChannelOptions, peerNode: NodeId, dialled: boolean) {
    this.#env = options.env;
    this.#log = options.log;
    this.#self = options.self;
    this.#handlers = options.handlers;
    this.#admit = options.admit;
    this.#config = { ...DEFAULT_CHANNEL, ...options.config };
    this.peerNode = peerNode;
    this.#dialled = dialled;
    this.#outbox = new Outbox(options.turnEnd ?? new TurnEnd(options.env), this.#config, () => {
      this.#unsentFrom = this.#nextId;
      options.flushed?.(this);
    });
    this.#deadlines = new Deadlines(options.env, (now) => this.#expire(now));
  }

  /** Connects to a node. The channel can be used at once: requests wait for the handshake. */
  static dial(options: DialOptions): Channel {
    const channel = new Channel(options, options.node, true);
    void channel.#connect(options);
    return channel;
  }

  /** Makes a channel of an accepted connection, and returns its handlers. */
  static accept(connection: Connection, options: ChannelOptions): ConnectionHandlers {
    const channel = new Channel(options, '', false);
    channel.#attach(connection);
    return channel.#receiver();
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** How many requests are not answered yet. */
  get inflight(): number {
    return this.#pending.size;
  }

  /** Bytes that wait to be sent. */
  get queuedBytes(): number {
    return this.#outbox.queuedBytes;
  }

  /** The other end's address, for logs. */
  get peer(): string {
    return this.#connection?.peer ?? this.peerNode;
  }

  /** Sends a request. @param deadline an instant of Env.now() */
  request(body: RequestBody, deadline: number, handler: ReplyHandler): void {
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.#env.soon(() => handler.failed(refusal, this));
      return;
    }
    const id = this.#nextId++;
    this.#pending.add(id, handler, deadline);
    this.#deadlines.add(deadline);
    this.#outbox.add(id, body);
  }

  /** Answers request `id` of the other end. An answer to a closed channel is dropped. */
  reply(id: number, body: ReplyBody): void {
    if (this.#state === 'closed') return;
    assert(this.#serving > 0, 'one reply a request');
    this.#serving--;
    this.#outbox.add(id, body);
  }

  /** Sends a one-way frame. False, and nothing is sent, if the channel is not open or too many bytes wait. */
  send(body: OneWayBody): boolean {
    if (this.#state !== 'open') return false;
    if (this.#outbox.queuedBytes >= this.#config.queuedBytesMax) return false;
    this.#outbox.add(0, body);
    return true;
  }

  /** Ends the requests that `which` chooses: they fail as if the connection had been lost, and answers to them are ignored. */
  giveUp(which: (handler: ReplyHandler) => boolean, reason: string): void {
    for (const { id, handler } of this.#pending.all()) {
      if (!which(handler) || this.#pending.take(id) === null) continue;
      const error = this.#unanswered(id, reason, 'UNREACHABLE');
      if (id >= this.#unsentFrom) this.#outbox.withdraw(id);
      handler.failed(error, this);
    }
  }

  /** Sends what is gathered and ends the connection. Requests without an answer fail. */
  close(reason: string): void {
    this.#end(new Failure('CLOSED', reason));
  }

  /** Ends the connection at once and drops what is queued. Requests without an answer fail. */
  cut(reason: string): void {
    this.#connection?.cut(reason);
    this.#end(new Failure('UNREACHABLE', reason));
  }

  // ---- out -------------------------------------------------------------------------------------------------------

  #refusal(): Failure | null {
    if (this.#state === 'closed') return new Failure('UNREACHABLE', `no connection to ${this.peer}`);
    if (
      this.#pending.size >= this.#config.inflightMax ||
      this.#outbox.queuedBytes >= this.#config.queuedBytesMax
    )
      return new Failure('OVERLOADED', `too many requests under way to ${this.peer}`);
    return null;
  }

  /** Sends one frame at once, for the handshake. */
  #sendNow(body: Body): void {
    this.#connection?.send(encodeEnvelope([{ id: 0, body }]));
  }

  // ---- in --------------------------------------------------------------------------------------------------------

  #receiver(): ConnectionHandlers {
    return {
      message: (bytes) => this.#message(bytes),
      closed: (reason, violation = false) => {
        if (violation) this.#malformed(reason);
        else this.#end(new Failure('UNREACHABLE', `connection to ${this.peer} lost: ${reason}`));
      },
    };
  }

  #message(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    this.#idleTicks = 0;
    this.receivedAt = this.#env.now();
    const frames = new EnvelopeReader(bytes);
    for (let body = this.#next(frames); body !== null; body = this.#next(frames))
      this.#frame(frames.id, body);
  }

  /** The next frame's body. Null at the end, and if the bytes are malformed, which closes the channel. */
  #next(frames: EnvelopeReader): Body | null {
    try {
      return frames.next();
    } catch (error) {
      if (!(error instanceof RangekeeperError)) throw error;
      this.#malformed(error.message);
      return null;
    }
  }

  #malformed(fault: string): void {
    if (this.#state === 'closed') return;
    this.#log.warn({ peer: this.peer, node: this.peerNode }, `closing a connection: ${fault}`);
    this.#end(new Failure('MALFORMED', fault));
  }

  #frame(id: number, body: Body): void {
    if (this.#state === 'open') this.#openFrame(id, body);
    else if (this.#state === 'handshake') this.#helloFrame(body);
  }

  #openFrame(id: number, body: Body): void {
    switch (body.kind) {
      case 'write':
      case 'get':
      case 'scan':
      case 'status':
      case 'check':
        if (id === 0) this.#malformed(`${body.kind} without a number`);
        else this.#serve(id, body);
        return;
      case 'error':
      case 'write-reply':
      case 'get-reply':
      case 'scan-reply':
      case 'status-reply':
      case 'check-reply':
        this.#settle(id, body);
        return;
      case 'append':
      case 'append-ack':
      case 'snapshot-chunk':
      case 'snapshot-ack':
      case 'replica-digest':
      case 'damage-verdict':
        if (this.peerNode === '') this.#malformed(`${body.kind} from a client`);
        else this.#handlers.received?.(this, body);
        return;
      case 'ping':
        this.#outbox.add(0, { kind: 'pong' });
        return;
      case 'pong':
        return;
      case 'hello':
      case 'hello-reply':
        return this.#malformed(`${body.kind} after the handshake`);
      default:
        never(body);
    }
  }

  #serve(id: number, body: RequestBody): void {
    this.#serving++;
    const { inflightMax, queuedBytesMax } = this.#config;
    if (this.#handlers.request === undefined) {
      this.reply(
        id,
        replyFromError(new Failure('INVALID_ARGUMENT', 'requests are not served on this connection')),
      );
    } else if (this.#serving > inflightMax || this.#outbox.queuedBytes >= queuedBytesMax) {
      this.reply(id, replyFromError(new Failure('OVERLOADED', 'too many requests on this connection')));
    } else {
      this.#handlers.request(this, id, body);
    }
  }

  /** An answer that comes after its deadline is ignored. */
  #settle(id: number, body: ReplyBody): void {
    const handler = this.#pending.take(id);
    if (handler === null) return;
    if (body.kind === 'error') handler.failed(failureFromReply(body), this);
    else handler.replied(body, this);
  }

  #expire(now: number): number | null {
    let next: number | null = null;
    for (const { id, deadline, handler } of this.#pending.all()) {
      if (deadline > now) {
        next = next === null ? deadline : Math.min(next, deadline);
        continue;
      }
      this.#pending.take(id);
      if (id >= this.#unsentFrom) this.#outbox.withdraw(id);
      handler.failed(this.#unanswered(id, `no answer from ${this.peer} in time`, 'DEADLINE'), this);
    }
    return next;
  }

  /** The failure of a request that will have no answer: OUTCOME_UNKNOWN if it may have left this process, else `unsent`. */
  #unanswered(id: number, text: string, unsent: ErrorCode): Failure {
    return new Failure(id < this.#unsentFrom ? 'OUTCOME_UNKNOWN' : unsent, text);
  }

  // ---- life ------------------------------------------------------------------------------------------------------

  async #connect({ transport, address, connectMs }: DialOptions): Promise<void> {
    const unreachable = (text: string) => this.#end(new Failure('UNREACHABLE', text));
    this.#dialTimer = this.#env.after(connectMs, () => unreachable(`no handshake with ${address} in time`));
    try {
      const connection = await transport.connect(address, connectMs, this.#receiver());
      if (this.closed) connection.close('too late');
      else this.#attach(connection);
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      unreachable(error instanceof Error ? error.message : String(error));
    }
  }

  #attach(connection: Connection): void {
    this.#connection = connection;
    this.#state = 'handshake';
    this.#heartbeat = every(this.#env, this.#config.idleMsMax / 4, () => this.#tick());
    if (this.#dialled) this.#sendNow({ kind: 'hello', protocol: PROTOCOL, ...this.#self });
  }

  #helloFrame(body: Body): void {
    if (body.kind === 'error') {
      this.#end(failureFromReply(body));
      return;
    }
    if (body.kind !== (this.#dialled ? 'hello-reply' : 'hello')) {
      this.#malformed(`${body.kind} before the handshake`);
      return;
    }
    const fault = this.#helloFault(body);
    if (fault !== null) {
      this.#log.warn({ peer: this.peer, node: body.nodeId }, `refusing a connection: ${fault.message}`);
      if (!this.#dialled) this.#sendNow(replyFromError(fault));
      this.#end(fault);
      return;
    }
    const refusal = this.#admit?.(body.nodeId) ?? null;
    if (refusal !== null) {
      this.#sendNow(replyFromError(refusal));
      this.#end(refusal);
      return;
    }
    this.peerNode = body.nodeId;
    if (!this.#dialled) this.#sendNow({ kind: 'hello-reply', protocol: PROTOCOL, ...this.#self });
    this.#state = 'open';
    this.#dialTimer?.cancel();
    if (this.#connection !== null) this.#outbox.open(this.#connection);
    this.#handlers.opened?.(this);
  }

  #helloFault(hello: { protocol: number; clusterId: string; nodeId: NodeId }): Failure | null {
    if (hello.protocol !== PROTOCOL)
      return new Failure('WRONG_CLUSTER', `protocol ${hello.protocol}, not ${PROTOCOL}`);
    if (hello.clusterId !== this.#self.clusterId)
      return new Failure('WRONG_CLUSTER', `cluster ${hello.clusterId}, not ${this.#self.clusterId}`);
    if (this.#dialled && hello.nodeId !== this.peerNode)
      return new Failure('UNREACHABLE', `node ${hello.nodeId} answers instead of ${this.peerNode}`);
    return null;
  }

  /** Counts ticks, not time: if this process was paused, that must not look as if the other end had been idle. */
  #tick(): void {
    if (this.#idleTicks >= 4) {
      this.#end(new Failure('UNREACHABLE', `nothing has come from ${this.peer} for too long`));
      return;
    }
    if (this.#idleTicks > 0 && this.#state === 'open') this.#outbox.add(0, { kind: 'ping' });
    this.#idleTicks++;
  }

  /**
   * Closes the channel if nothing has come for half of idleMsMax. To be called if there is another reason to think the node dead.
   */
  closeIfIdle(reason: string): void {
    if (this.#idleTicks >= 2 || this.#state !== 'open') this.#end(new Failure('UNREACHABLE', reason));
  }

  #end(error: Failure): void {
    if (this.#state === 'closed') return;
    if (error.code === 'CLOSED') this.#outbox.flush();
    this.#state = 'closed';
    this.#outbox.close();
    this.#dialTimer?.cancel();
    this.#heartbeat?.cancel();
    this.#deadlines.cancel();
    this.#connection?.close(error.message);
    const abandoned = this.#pending;
    this.#pending = new PendingRequests<ReplyHandler>();
    for (const { id, handler } of abandoned.all())
      handler.failed(this.#unanswered(id, error.message, 'UNREACHABLE'), this);
    this.#handlers.closed?.(this, error);
  }
}
