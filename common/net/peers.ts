// Keeps one channel to each node, for clients and for owners. It is made at the first use, and made again after each loss, with a
// bounded backoff and jitter, while the node has an address. If the node comes up again, at another address or the same one, it is
// dialled at once: failures of its former life do not count. A node without an address is forgotten when its last channel closes,
// so that nodes which are gone for good cost nothing.

import { type Backoff, backoffMs, jittered } from '../base/backoff.ts';
import type { Env, Timer } from '../base/env.ts';
import { Failure } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { NodeId } from '../model/ids.ts';
import type { OneWayBody, RequestBody } from '../wire/messages.ts';
import { Channel, type ChannelHandlers, type Identity, type ReplyHandler } from './channel.ts';
import type { ChannelConfig } from './channel-config.ts';
import type { Transport } from './transport.ts';
import { TurnEnd } from './turn-end.ts';

export interface PeersConfig {
  /** How long an attempt may take, up to the handshake, ms. */
  readonly connectMs: number;
  /** The pauses between attempts, of which jitter takes away up to a half. */
  readonly backoff: Backoff;
}

export const DEFAULT_PEERS: PeersConfig = { connectMs: 1_000, backoff: { minMs: 20, maxMs: 1_000 } };

export interface PeersOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly transport: Transport;
  readonly self: Identity;
  /** Handlers of all channels. Nodes send no requests over them. */
  readonly handlers: Omit<ChannelHandlers, 'request'>;
  readonly config?: Partial<PeersConfig>;
  readonly channel?: Partial<ChannelConfig>;
  /** Shared with channels made elsewhere. */
  readonly turnEnd?: TurnEnd;
}

export class Peers {
  readonly #options: PeersOptions;
  readonly #config: PeersConfig;
  readonly #peers = new Map<NodeId, Peer>();
  #closed = false;

  constructor(options: PeersOptions) {
    this.#options = { ...options, turnEnd: options.turnEnd ?? new TurnEnd(options.env) };
    this.#config = { ...DEFAULT_PEERS, ...options.config };
  }

  /**
   * Sets the address of a node. Null: not known; an open channel goes on, and a lost one is not made again. A new address ends a
   * channel to the old one.
   * @param life changes each time the node comes up, so that it is dialled again
   */
  setAddress(node: NodeId, address: string | null, life: string | null = null): void {
    const known = this.#peers.get(node);
    if (known !== undefined) known.setAddress(address, life);
    else if (address !== null && !this.#closed)
      this.#peers.set(
        node,
        new Peer(node, address, life, this.#options, this.#config, (peer) => this.#forget(peer)),
      );
  }

  #forget(peer: Peer): void {
    if (this.#peers.get(peer.node) === peer) this.#peers.delete(peer.node);
  }

  /** Nodes with an address, or with a channel although they have none any more. */
  get known(): readonly NodeId[] {
    return [...this.#peers.keys()];
  }

  /** To be called if there is a reason to think the node dead. Closes its channel if nothing has come on it lately. */
  suspect(node: NodeId, reason: string): void {
    this.#peers.get(node)?.channel?.closeIfIdle(reason);
  }

  /** Ends the requests to the node that `which` chooses, as {@link Channel.giveUp} does. */
  giveUp(node: NodeId, which: (handler: PeerReplyHandler) => boolean, reason: string): void {
    this.#peers.get(node)?.channel?.giveUp(which, reason);
  }

  /** Makes the channel now, without waiting for a first use. */
  keep(node: NodeId): void {
    this.#peers.get(node)?.connect();
  }

  /** Whether a channel to the node is open, with the handshake done. */
  isOpen(node: NodeId): boolean {
    return this.#peers.get(node)?.channel?.open ?? false;
  }

  /** Whether a request would fail at once: the node has no address, or the last attempt failed and the next is not due. */
  isDown(node: NodeId): boolean {
    return this.#peers.get(node)?.down ?? true;
  }

  /** Sends a request to a node. It waits while the channel is being made. @param deadline an instant of Env.now() */
  request(node: NodeId, body: RequestBody, deadline: number, handler: PeerReplyHandler): void {
    const channel = this.#peers.get(node)?.connect() ?? null;
    if (channel !== null) {
      channel.request(body, deadline, handler);
      return;
    }
    const error = new Failure('UNREACHABLE', `no connection to node ${node}`);
    this.#options.env.soon(() => handler.failed(error, null));
  }

  /** Sends a one-way frame. False, and nothing is sent, if no channel is open or too many bytes wait. */
  send(node: NodeId, body: OneWayBody): boolean {
    return this.#peers.get(node)?.connect()?.send(body) ?? false;
  }

  close(): void {
    this.#closed = true;
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }
}

/** A ReplyHandler for a request that may have had no channel at all. */
export interface PeerReplyHandler extends ReplyHandler {
  failed(error: Failure, from: Channel | null): void;
}

type PeerState =
  | { readonly kind: 'idle' }
  /** The channel is open or being made. */
  | { readonly kind: 'channel'; readonly channel: Channel }
  | { readonly kind: 'backoff'; readonly timer: Timer };

class Peer {
  readonly node: NodeId;
  readonly #options: PeersOptions;
  readonly #config: PeersConfig;
  readonly #forget: (peer: Peer) => void;
  #address: string | null;
  #life: string | null;
  #state: PeerState = { kind: 'idle' };
  /** Failed attempts in a row. */
  #failures = 0;

  /** @param forget called once the node has neither an address nor a channel */
  constructor(
    node: NodeId,
    address: string,
    life: string | null,
    options: PeersOptions,
    config: PeersConfig,
    forget: (peer: Peer) => void,
  ) {
    this.node = node;
    this.#address = address;
    this.#life = life;
    this.#options = options;
    this.#config = config;
    this.#forget = forget;
  }

  get channel(): Channel | null {
    return this.#state.kind === 'channel' ? this.#state.channel : null;
  }

  get down(): boolean {
    return this.#state.kind === 'backoff' || (this.#state.kind === 'idle' && this.#address === null);
  }

  /** The channel, which is made if necessary; null: there is no address, or the backoff is not over. */
  connect(): Channel | null {
    if (this.#state.kind === 'idle') this.#dial();
    return this.channel;
  }

  setAddress(address: string | null, life: string | null): void {
    const moved = address !== this.#address;
    if (!moved && life === this.#life) return;
    this.#address = address;
    this.#life = life;
    if (address === null) {
      this.#stopWaiting();
      if (this.#state.kind === 'idle') this.#forget(this);
      return;
    }
    const wasUsed = this.#state.kind !== 'idle';
    this.#failures = 0;
    this.#stopWaiting();
    // An attempt under way began before the node came up. An open channel to the node's former life closes by itself.
    if (moved || this.channel?.open === false) this.channel?.close(`node ${this.node} is now at ${address}`);
    if (wasUsed) this.#redial();
  }

  close(): void {
    this.#address = null;
    this.#stopWaiting();
    this.channel?.close('closing');
  }

  #stopWaiting(): void {
    if (this.#state.kind !== 'backoff') return;
    this.#state.timer.cancel();
    this.#state = { kind: 'idle' };
  }

  #dial(): void {
    const address = this.#address;
    const options = this.#options;
    const config = this.#config;
    if (address === null) return;
    const { handlers } = options;
    const channel = Channel.dial({
      env: options.env,
      log: options.log,
      self: options.self,
      transport: options.transport,
      address,
      connectMs: config.connectMs,
      node: this.node,
      ...(options.channel === undefined ? {} : { config: options.channel }),
      ...(options.turnEnd === undefined ? {} : { turnEnd: options.turnEnd }),
      handlers: {
        opened: (channel) => {
          this.#failures = 0;
          handlers.opened?.(channel);
        },
        received: (channel, body) => handlers.received?.(channel, body),
        closed: (channel, error) => {
          this.#lost(channel);
          handlers.closed?.(channel, error);
        },
      },
    });
    this.#state = { kind: 'channel', channel };
  }

  #lost(channel: Channel): void {
    if (this.channel !== channel) return;
    this.#state = { kind: 'idle' };
    if (this.#address === null) {
      this.#forget(this);
      return;
    }
    const { env } = this.#options;
    const ms = jittered(backoffMs(this.#config.backoff, this.#failures++), env);
    this.#state = { kind: 'backoff', timer: env.after(ms, () => this.#redial()) };
  }

  #redial(): void {
    this.#stopWaiting();
    this.connect();
  }
}
