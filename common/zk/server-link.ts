// The interface of one connection to one ZooKeeper server, as sessions use it. link.ts implements it with node-zookeeper-client.
// The simulator has a twin, so that sessions, observers and leases run there unchanged.

import type { Env } from '../base/env.ts';
import type { Address } from '../model/address.ts';
import type { SessionId } from '../model/ids.ts';
import type { CreateMode, ZkNode, ZkOp, ZkOpResult } from './store.ts';

/** What is needed to resume or to close a session. */
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
  /** The session to resume; null: a new session. */
  readonly identity: Identity | null;
  /** The newest transaction that this process has seen. A server that is behind it refuses the connection. */
  readonly seenZxid: bigint;
  /** How long the server has to accept the connection, and then to answer the handshake, ms. */
  readonly connectMs: number;
  readonly handshakeMs: number;
  /**
   * The session is resumed to be closed. The close request is sent together with the handshake, so that it takes effect even if no
   * answer comes back. Otherwise the handshake alone would prolong the session.
   */
  readonly closing: boolean;
}

/**
 * The outcome of an attempt: the link is up, or will never be. `slow`: the server accepted the connection and did not answer in time.
 */
export type Handshake =
  | { kind: 'up' }
  | { kind: 'expired' }
  | { kind: 'failed'; reason: string; slow: boolean };

export interface LinkListener {
  /** The link has ended. Called once, and nothing is called after it. */
  down(reason: string): void;
  /** The server says that the session has ended. `down` follows. */
  expired(): void;
  /** A path that was read with a watch has changed. */
  changed(path: string): void;
}

/** Operations reject with ZkError. Each is answered, or fails after its `timeoutMs` at the latest. */
export interface ServerLink {
  readonly identity: Identity;
  /** As the server granted it. */
  readonly timeoutMs: number;
  readonly seenZxid: bigint;
  readonly server: Address;
  /** To be set in the turn in which the link comes up. */
  listen(listener: LinkListener): void;
  /** With `watch`, the next change of the path is reported once, through `changed`. */
  read(path: string, watch: boolean, timeoutMs: number): Promise<ZkNode | null>;
  readChildren(path: string, watch: boolean, timeoutMs: number): Promise<readonly string[] | null>;
  /** A read that is always answered: the heartbeat of a session without a lease. */
  ping(timeoutMs: number): Promise<void>;
  create(path: string, data: Uint8Array, mode: CreateMode, timeoutMs: number): Promise<string>;
  /** Makes the root of the connect string and its parents, if they are missing. */
  createRoot(timeoutMs: number): Promise<void>;
  set(path: string, data: Uint8Array, version: number, timeoutMs: number): Promise<number>;
  delete(path: string, version: number, timeoutMs: number): Promise<void>;
  multi(ops: readonly ZkOp[], timeoutMs: number): Promise<readonly ZkOpResult[]>;
  /** Closes the session at the server. Resolves when the connection is closed, after `timeoutMs` at the latest. */
  close(timeoutMs: number): Promise<void>;
  /**
   * Drops the connection. Operations without an answer fail as `lost`. The session lives on at the server, except for a new one whose
   * handshake is not answered yet: the server is asked to close it.
   */
  destroy(reason: string): void;
  /**
   * For a link whose server does not answer any more. As `destroy`, but the connection stays open without sending anything, so that
   * `close` may still reach the server.
   */
  park(reason: string): void;
}

/** Dials at once. Calls `report` once, after it has returned. */
export type OpenLink = (options: LinkOptions, report: (handshake: Handshake) => void) => ServerLink;

/** The server closes the connection at a packet above its own limit of about 1 MB, and with it all operations fail. */
export const DATA_BYTES_MAX = 512 * 1024;
