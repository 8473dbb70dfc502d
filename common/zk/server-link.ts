// One connection to one ZooKeeper server, as sessions use it. link.ts makes it out of node-zookeeper-client; the simulator
// has a twin, so that the sessions, observers and leases above run there as they are.

import type { Env } from '../base/env.ts';
import type { Address } from '../model/address.ts';
import type { SessionId } from '../model/ids.ts';
import type { CreateMode, ZkNode, ZkOp, ZkOpResult } from './store.ts';

/** What a session is taken up again, or closed, with. */
export interface Identity {
  readonly id: SessionId;
  readonly password: Uint8Array;
}

export interface LinkOptions {
  readonly env: Env;
  readonly server: Address;
  /** Prefix of every path. */
  readonly root: string;
  /** Session timeout to ask for, ms. */
  readonly sessionMs: number;
  /** null: a new session. */
  readonly identity: Identity | null;
  /** The newest transaction that this process has seen; a server that is behind it refuses. */
  readonly seenZxid: bigint;
  /** How long the server has to take the connection, and then to answer the handshake, ms. */
  readonly connectMs: number;
  readonly handshakeMs: number;
  /**
   * The session is taken up to be closed: the request for that goes out together with the handshake, so that it takes effect
   * even where no answer comes back, and a handshake alone does not prolong the session.
   */
  readonly closing: boolean;
}

/**
 * How an attempt ended: the link is up, or never will be. `slow`: the server took the connection and did not answer in time.
 */
export type Handshake =
  | { kind: 'up' }
  | { kind: 'expired' }
  | { kind: 'failed'; reason: string; slow: boolean };

export interface LinkListener {
  /** Once, and no more calls after it. */
  down(reason: string): void;
  /** The server says that the session is over; `down` follows. */
  expired(): void;
  /** Something changed at a path that was read with a watch. */
  changed(path: string): void;
}

/** Operations reject with ZkError; each is answered, or fails after its `timeoutMs` at the latest. */
export interface ServerLink {
  readonly identity: Identity;
  /** As the server granted it. */
  readonly timeoutMs: number;
  readonly seenZxid: bigint;
  readonly server: Address;
  /** To be set in the turn in which the link comes up. */
  listen(listener: LinkListener): void;
  /** With `watch`, the next change at the path is told once. */
  read(path: string, watch: boolean, timeoutMs: number): Promise<ZkNode | null>;
  readChildren(path: string, watch: boolean, timeoutMs: number): Promise<readonly string[] | null>;
  /** A read that answers in any case: a heartbeat without a lease. */
  ping(timeoutMs: number): Promise<void>;
  create(path: string, data: Uint8Array, mode: CreateMode, timeoutMs: number): Promise<string>;
  /** Makes the root of the connect string and what is above it, where missing. */
  createRoot(timeoutMs: number): Promise<void>;
  set(path: string, data: Uint8Array, version: number, timeoutMs: number): Promise<number>;
  delete(path: string, version: number, timeoutMs: number): Promise<void>;
  multi(ops: readonly ZkOp[], timeoutMs: number): Promise<readonly ZkOpResult[]>;
  /** Ends the session at the server; resolves when the connection is closed, after `timeoutMs` at the latest. */
  close(timeoutMs: number): Promise<void>;
  /**
   * Drops the connection; what is in flight fails as lost. The session lives on at the server, unless it was to be a new one and
   * the handshake is not answered yet: then the server is asked to close what it may have made.
   */
  destroy(reason: string): void;
  /**
   * To be used for a link that has gone silent: as `destroy`, but the connection stays, and sends nothing more, so that `close`
   * may still reach the server.
   */
  park(reason: string): void;
}

/** Dials at once and calls `report` once, never before it has returned. */
export type OpenLink = (options: LinkOptions, report: (handshake: Handshake) => void) => ServerLink;

/** Larger packets break the connection with all that is in flight (the server's limit is about 1 MB). */
export const DATA_BYTES_MAX = 512 * 1024;
