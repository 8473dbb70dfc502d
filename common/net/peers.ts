// One channel a node, kept: made at the first use, made again with a jittered, bounded backoff after every loss, for as
// long as the node has an address. Clients reach nodes through it, and owners their followers. A node may come back at
// another address; the channel follows. One that comes back at the same address is dialled at once as well: nobody waits
// out a backoff that counts the failures of before. A node without an address is forgotten with its last channel: ids of
// nodes that are gone for good neither cost anything nor are dialled.

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
  /** From the first packet to the handshake. */
  readonly connectMs: number;
  /** Between attempts, less a jitter of up to a half. */
  readonly backoff: Backoff;
}

export const DEFAULT_PEERS: PeersConfig = { connectMs: 1_000, backoff: { minMs: 20, maxMs: 1_000 } };

export interface PeersOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly transport: Transport;
  readonly self: Identity;
  /** Of every channel made here; nodes send no requests over it. */
  readonly handlers: Omit<ChannelHandlers, 'request'>;
  readonly config?: Partial<PeersConfig>;
  readonly channel?: Partial<ChannelConfig>;
  /** Shared with channels made elsewhere. */
  readonly turnEnd?: TurnEnd;
}

export class Peers {
  private readonly options: PeersOptions;
  private readonly config: PeersConfig;
  private readonly peers = new Map<NodeId, Peer>();
  private closed = false;

  constructor(options: PeersOptions) {
    this.options = { ...options, turnEnd: options.turnEnd ?? new TurnEnd(options.env) };
    this.config = { ...DEFAULT_PEERS, ...options.config };
  }

  /**
   * Where a node is to be found, from now on. Null: not known; an open channel lives on, a lost one is not made again. A
   * changed address ends a channel to the old one. `life`: changes each time the node comes up, so that it is dialled again.
   */
  setAddress(node: NodeId, address: string | null, life: string | null = null): void {
    const known = this.peers.get(node);
    if (known !== undefined) known.setAddress(address, life);
    else if (address !== null && !this.closed)
      this.peers.set(
        node,
        new Peer(node, address, life, this.options, this.config, (peer) => this.forget(peer)),
      );
  }

  private forget(peer: Peer): void {
    if (this.peers.get(peer.node) === peer) this.peers.delete(peer.node);
  }

  /** Nodes with an address, or with a channel that has outlived it. */
  get known(): readonly NodeId[] {
    return [...this.peers.keys()];
  }

  /** There is reason to think the node dead: a channel on which nothing has come lately is closed. */
  suspect(node: NodeId, reason: string): void {
    this.peers.get(node)?.channel?.closeIfIdle(reason);
  }

  /** Gives up the requests to the node that `which` chooses; see {@link Channel.giveUp}. */
  giveUp(node: NodeId, which: (handler: PeerReplyHandler) => boolean, reason: string): void {
    this.peers.get(node)?.channel?.giveUp(which, reason);
  }

  /** Makes the channel now, and keeps it, without waiting for a first use. */
  keep(node: NodeId): void {
    this.peers.get(node)?.connect();
  }

  /** Whether a channel to the node is open, with the handshake done. */
  isOpen(node: NodeId): boolean {
    return this.peers.get(node)?.channel?.open ?? false;
  }

  /** Whether asking now would fail at once: no address, or the last attempt failed and the next is not due. */
  isDown(node: NodeId): boolean {
    return this.peers.get(node)?.down ?? true;
  }

  /** Asks a node. `deadline` is an instant of Env.now(). While the channel is being made the request waits in it. */
  request(node: NodeId, body: RequestBody, deadline: number, handler: PeerReplyHandler): void {
    const channel = this.peers.get(node)?.connect() ?? null;
    if (channel !== null) {
      channel.request(body, deadline, handler);
      return;
    }
    const error = new Failure('UNREACHABLE', `no connection to node ${node}`);
    this.options.env.soon(() => handler.failed(error, null));
  }

  /** Sends a one-way frame; false, and nothing is sent, where no channel is open or too much is queued. */
  send(node: NodeId, body: OneWayBody): boolean {
    return this.peers.get(node)?.connect()?.send(body) ?? false;
  }

  close(): void {
    this.closed = true;
    for (const peer of this.peers.values()) peer.close();
    this.peers.clear();
  }
}

/** As ReplyHandler, where there may be no channel at all. */
export interface PeerReplyHandler extends ReplyHandler {
  failed(error: Failure, from: Channel | null): void;
}

type PeerState =
  | { readonly kind: 'idle' }
  /** Being made, or open. */
  | { readonly kind: 'channel'; readonly channel: Channel }
  | { readonly kind: 'backoff'; readonly timer: Timer };

class Peer {
  readonly node: NodeId;
  private readonly options: PeersOptions;
  private readonly config: PeersConfig;
  private readonly forget: (peer: Peer) => void;
  private address: string | null;
  private life: string | null;
  private state: PeerState = { kind: 'idle' };
  /** Attempts in a row that did not lead to a handshake. */
  private failures = 0;

  /** `forget` is called once it has neither an address nor a channel. */
  constructor(
    node: NodeId,
    address: string,
    life: string | null,
    options: PeersOptions,
    config: PeersConfig,
    forget: (peer: Peer) => void,
  ) {
    this.node = node;
    this.address = address;
    this.life = life;
    this.options = options;
    this.config = config;
    this.forget = forget;
  }

  get channel(): Channel | null {
    return this.state.kind === 'channel' ? this.state.channel : null;
  }

  get down(): boolean {
    return this.state.kind === 'backoff' || (this.state.kind === 'idle' && this.address === null);
  }

  /** The channel, made if need be; null where there is no address or the backoff lasts. */
  connect(): Channel | null {
    if (this.state.kind === 'idle') this.dial();
    return this.channel;
  }

  setAddress(address: string | null, life: string | null): void {
    const moved = address !== this.address;
    if (!moved && life === this.life) return;
    this.address = address;
    this.life = life;
    if (address === null) {
      this.stopWaiting();
      if (this.state.kind === 'idle') this.forget(this);
      return;
    }
    const wasUsed = this.state.kind !== 'idle';
    this.failures = 0;
    this.stopWaiting();
    // An attempt that is under way was begun before the node came up. An open channel that leads nowhere shows by itself.
    if (moved || this.channel?.open === false) this.channel?.close(`node ${this.node} is now at ${address}`);
    if (wasUsed) this.redial();
  }

  close(): void {
    this.address = null;
    this.stopWaiting();
    this.channel?.close('closing');
  }

  private stopWaiting(): void {
    if (this.state.kind !== 'backoff') return;
    this.state.timer.cancel();
    this.state = { kind: 'idle' };
  }

  private dial(): void {
    const { address, options, config } = this;
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
          this.failures = 0;
          handlers.opened?.(channel);
        },
        received: (channel, body) => handlers.received?.(channel, body),
        closed: (channel, error) => {
          this.lost(channel);
          handlers.closed?.(channel, error);
        },
      },
    });
    this.state = { kind: 'channel', channel };
  }

  private lost(channel: Channel): void {
    if (this.channel !== channel) return;
    this.state = { kind: 'idle' };
    if (this.address === null) {
      this.forget(this);
      return;
    }
    const { env } = this.options;
    const ms = jittered(backoffMs(this.config.backoff, this.failures++), env);
    this.state = { kind: 'backoff', timer: env.after(ms, () => this.redial()) };
  }

  private redial(): void {
    this.stopWaiting();
    this.connect();
  }
}
