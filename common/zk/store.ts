// The interface of ZooKeeper for the rest of the code. `zk.ts` implements it; tests have a twin, and both pass test/suites/zk.
// Watches are only hints inside an Observer, which always arrives at the last version.

import type { SessionId } from '../model/ids.ts';

export interface ZkNode {
  readonly data: Uint8Array;
  readonly version: number;
  /** The transaction of the last change, and that of the creation. They order versions even across a deletion. */
  readonly mzxid: number;
  readonly czxid: number;
  /** The session of an ephemeral; null: the znode is persistent. */
  readonly ephemeralOwner: SessionId | null;
}

/**
 * Why an operation failed. For writes, `maybeApplied` of the error says whether it may have taken effect, or still may. `no-node`,
 * `node-exists`, `bad-version`, `not-empty`: ZooKeeper refused it. `disconnected`: it was not sent. `timeout`, `lost`: it was sent,
 * and there was no answer. `ended`: the session has ended. `no-auth`, `too-large`, `protocol`: a defect or a wrong configuration.
 */
export type ZkFailure =
  | 'no-node'
  | 'node-exists'
  | 'bad-version'
  | 'not-empty'
  | 'disconnected'
  | 'timeout'
  | 'lost'
  | 'ended'
  | 'no-auth'
  | 'too-large'
  | 'protocol';

/**
 * What to do about a failure. `refused`: ZooKeeper refused the request because of the present znodes; a different request may succeed.
 * `unanswered`: the same request may be answered the next time. `ended`: only a new session helps. `impossible`: the same request
 * fails every time.
 */
type FailureKind = 'refused' | 'unanswered' | 'ended' | 'impossible';

const KIND_OF: Readonly<Record<ZkFailure, FailureKind>> = {
  'no-node': 'refused',
  'node-exists': 'refused',
  'bad-version': 'refused',
  'not-empty': 'refused',
  disconnected: 'unanswered',
  timeout: 'unanswered',
  lost: 'unanswered',
  ended: 'ended',
  'no-auth': 'impossible',
  'too-large': 'impossible',
  protocol: 'impossible',
};

export class ZkError extends Error {
  override readonly name = 'ZkError';
  readonly failure: ZkFailure;
  readonly path: string;
  readonly maybeApplied: boolean;
  /** In a multi: the index of the operation that ZooKeeper refused. */
  readonly opIndex: number | undefined;

  constructor(
    failure: ZkFailure,
    path: string,
    options: { maybeApplied?: boolean; opIndex?: number; message?: string } = {},
  ) {
    super(options.message ?? `ZooKeeper: ${failure} at ${path}`);
    this.failure = failure;
    this.path = path;
    this.maybeApplied = options.maybeApplied ?? false;
    this.opIndex = options.opIndex;
  }

  get kind(): FailureKind {
    return KIND_OF[this.failure];
  }
}

export type CreateMode = 'persistent' | 'ephemeral' | 'persistent-sequential' | 'ephemeral-sequential';

export type ZkOp =
  | { readonly kind: 'create'; readonly path: string; readonly data: Uint8Array; readonly mode: CreateMode }
  | { readonly kind: 'set'; readonly path: string; readonly data: Uint8Array; readonly version: number }
  | { readonly kind: 'delete'; readonly path: string; readonly version: number }
  | { readonly kind: 'check'; readonly path: string; readonly version: number };

/** For each operation of a multi: the path that was created, with its sequence number, or the version after a set. */
export type ZkOpResult =
  | { readonly kind: 'created'; readonly path: string }
  | { readonly kind: 'set'; readonly version: number }
  | { readonly kind: 'done' };

export type Unsubscribe = () => void;

/** Paths are below the root of the connect string: `/nodes`, never `/my-root/nodes`. */
export interface ZkSession {
  readonly id: SessionId;
  /** T, as negotiated, ms. */
  readonly timeoutMs: number;
  /** True once the session has ended for this process, whether or not it has at the server. This is final. */
  readonly ended: boolean;
  /** Calls `listener` once at the end of the session, or at once if it has ended already. */
  onEnd(listener: (reason: string) => void): Unsubscribe;

  /**
   * The lease [safety]: until this instant of Env.now() the session's ephemerals certainly exist. Negative infinity before the first
   * confirmed heartbeat and after the end. Read it at the moment of use, never from a timer.
   */
  leaseUntil(): number;
  /** From now on heartbeats are quorum writes that check `path`, which must be an ephemeral of this session. */
  startLease(path: string): void;

  /** Null: there is no such znode. */
  get(path: string): Promise<ZkNode | null>;
  /** The names of the children, sorted. Null: there is no such znode. */
  children(path: string): Promise<readonly string[] | null>;
  /** Makes the root of the connect string and its parents, if they are missing. `get('/')` is null before. */
  createRoot(): Promise<void>;
  /** Resolves with the path that was created, with its sequence number if it is sequential. */
  create(path: string, data: Uint8Array, mode: CreateMode): Promise<string>;
  /** Compare-and-set. `version` is the one that was read; 0 is a version like any other. Resolves with the new version. */
  set(path: string, data: Uint8Array, version: number): Promise<number>;
  delete(path: string, version: number): Promise<void>;
  /** All or nothing. */
  multi(ops: readonly ZkOp[]): Promise<readonly ZkOpResult[]>;
  /** A quorum write that changes nothing. A later read of this session sees everything that was written before it. */
  barrier(): Promise<void>;
  /** Closes the session at the server, so that its ephemerals vanish. Waits for the answer for about a second at most. */
  close(): Promise<void>;
}

export interface Observer {
  /** Reads the path again now. */
  kick(): void;
  close(): void;
}

/** ZooKeeper for the life of a process: one session after the other, and observers that outlive them. */
export interface Zk {
  /** The present session; null: there is none. */
  readonly session: ZkSession | null;
  /** Calls `listener` with the present session, if there is one, and with every later one. */
  onSession(listener: (session: ZkSession) => void): Unsubscribe;
  /**
   * Calls `listener` now and at every change with whether ZooKeeper answers this process. It counts as silent from a heartbeat that
   * was not answered in time, which takes half of T at most, until there is a connection again.
   */
  onConnection(listener: (connected: boolean) => void): Unsubscribe;
  /** The present session, or the next one. Rejects with ZkError `timeout` after `timeoutMs`, and once this is closed. */
  ready(timeoutMs: number): Promise<ZkSession>;
  /**
   * Calls `listener` with the znode (null: absent) now and after every change that a read finds, until closed. It reads again at
   * every watch, reconnection and new session, at kick() and every `pollMs`. Several changes may be reported by one call.
   */
  observeData(path: string, listener: (node: ZkNode | null) => void): Observer;
  /** The same for the sorted names of the children. */
  observeChildren(path: string, listener: (names: readonly string[] | null) => void): Observer;
  /**
   * Closes an earlier session of this process, or one that it was given as that of its dead predecessor, so that its ephemerals
   * vanish: a session that was given up may live on at the server. Resolves after about a second at the latest. False: the session
   * is none of these.
   */
  closeFormer(id: SessionId): Promise<boolean>;
  /** Closes the session at the server and stops. */
  close(): Promise<void>;
}
