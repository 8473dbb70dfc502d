// All connections that a node has accepted, and their bounds: the number of clients, and the bytes of answers that wait because the
// other end does not read. If too many bytes wait in all, the connection with the most is cut, and its queue is dropped. So a
// client that asks for much and reads slowly loses its connection, and does not fill the node's memory. The bound of clients does
// not count for nodes: many clients must not keep the cluster from working.

import type { Env } from '../base/env.ts';
import { Failure } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type ConnectionLimits, checkConnectionLimits, DEFAULT_CONNECTION_LIMITS } from '../model/config.ts';
import type { NodeId } from '../model/ids.ts';
import { Channel, type ChannelOptions } from './channel.ts';
import { DEFAULT_CHANNEL } from './channel-config.ts';
import type { Connection, ConnectionHandlers } from './transport.ts';

/** Refusals are logged at most this often, ms, with their number. */
const REFUSAL_LOG_MS = 1_000;

export interface AcceptedConnectionsOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly config?: Partial<ConnectionLimits>;
  /** Bytes that may wait in one connection before its requests are refused; absent: the default of channels. */
  readonly channelBytesMax?: number;
}

export class AcceptedConnections {
  readonly config: ConnectionLimits;
  /** How many connections have been cut, and refused, since the start. */
  cut = 0;
  refused = 0;
  readonly #env: Env;
  readonly #log: Logger;
  /** For each open connection the bytes that were queued when it last sent something. Since then the queue has only shrunk. */
  readonly #queued = new Map<Channel, number>();
  /** Their sum. */
  #queuedBytes = 0;
  #clients = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #refusedSinceLog = 0;

  constructor({
    env,
    log,
    config,
    channelBytesMax = DEFAULT_CHANNEL.queuedBytesMax,
  }: AcceptedConnectionsOptions) {
    this.config = { ...DEFAULT_CONNECTION_LIMITS, ...config };
    checkConnectionLimits(this.config, channelBytesMax);
    this.#env = env;
    this.#log = log;
  }

  /** Connections at once, of any kind. */
  get connectionsMax(): number {
    return this.config.clientsMax + this.config.otherConnectionsMax;
  }

  /** Open connections, of clients and nodes. */
  get connections(): number {
    return this.#queued.size;
  }

  get clients(): number {
    return this.#clients;
  }

  /** Bytes that wait now, in all connections together. */
  get queuedBytes(): number {
    this.#recount();
    return this.#queuedBytes;
  }

  /** The handlers of an accepted connection. */
  accept(connection: Connection, options: Omit<ChannelOptions, 'admit' | 'flushed'>): ConnectionHandlers {
    const { handlers } = options;
    return Channel.accept(connection, {
      ...options,
      admit: (node) => this.#admit(node),
      flushed: (channel) => this.#flushed(channel),
      handlers: {
        ...handlers,
        opened: (channel) => {
          this.#queued.set(channel, 0);
          if (channel.peerNode === '') this.#clients++;
          handlers.opened?.(channel);
        },
        closed: (channel, error) => {
          this.#forget(channel);
          handlers.closed?.(channel, error);
        },
      },
    });
  }

  /** To be called when a connection has been refused. */
  connectionRefused(): void {
    this.refused++;
    this.#refusedSinceLog++;
    const now = this.#env.now();
    if (now - this.#loggedAt < REFUSAL_LOG_MS) return;
    this.#log.warn(
      { refused: this.#refusedSinceLog, clients: this.#clients },
      'connections refused: there are too many',
    );
    this.#loggedAt = now;
    this.#refusedSinceLog = 0;
  }

  #admit(node: NodeId): Failure | null {
    const { clientsMax } = this.config;
    if (node !== '' || this.#clients < clientsMax) return null;
    this.connectionRefused();
    return new Failure('OVERLOADED', `the node has ${clientsMax} clients already`);
  }

  #flushed(channel: Channel): void {
    const before = this.#queued.get(channel);
    if (before === undefined) return;
    const now = channel.queuedBytes;
    this.#queued.set(channel, now);
    this.#queuedBytes += now - before;
    if (this.#queuedBytes > this.config.queuedBytesMax) this.#cutFullest();
  }

  /** Cuts connections, the fullest first, until the bytes that wait are within the bound. */
  #cutFullest(): void {
    this.#recount();
    while (this.#queuedBytes > this.config.queuedBytesMax) {
      let fullest: Channel | null = null;
      let most = 0;
      for (const [channel, bytes] of this.#queued) {
        if (bytes <= most) continue;
        fullest = channel;
        most = bytes;
      }
      if (fullest === null) return;
      this.cut++;
      this.#log.warn(
        { peer: fullest.peer, bytes: most, all: this.#queuedBytes },
        'cutting a connection that does not read its answers',
      );
      fullest.cut('it does not read its answers');
    }
  }

  #recount(): void {
    this.#queuedBytes = 0;
    for (const channel of this.#queued.keys()) {
      const bytes = channel.queuedBytes;
      this.#queued.set(channel, bytes);
      this.#queuedBytes += bytes;
    }
  }

  #forget(channel: Channel): void {
    const bytes = this.#queued.get(channel);
    if (bytes === undefined) return;
    this.#queued.delete(channel);
    this.#queuedBytes -= bytes;
    if (channel.peerNode === '') this.#clients--;
  }
}
