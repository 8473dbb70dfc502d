// ZooKeeper as the rest of the code sees it. `session.ts` makes the real one out of node-zookeeper-client; the simulator
// has a twin; both pass test/suites/zk. Watches are hints inside an Observer, which always ends at the last version.

import type { SessionId } from '../model/ids.ts';

export interface ZkNode {
  readonly data: Uint8Array;
  readonly version: number;
  /** Of the last change and of the creation: orders images even across a deletion. */
  readonly mzxid: number;
  readonly czxid: number;
  /** The session that an ephemeral belongs to; null for a persistent znode. */
  readonly ephemeralOwner: SessionId | null;
}

/**
 * Why an operation failed. For writes, `maybeApplied` on the error says whether it may still take, or have taken, effect.
 * `no-node`, `node-exists`, `bad-version`, `not-empty`: ZooKeeper said no. `disconnected`: not sent. `timeout`, `lost`:
 * sent, no answer. `ended`: this session is over. `no-auth`, `too-large`, `protocol`: a defect or a wrong set-up.
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
 * What a failure calls for. `refused`: ZooKeeper said no because of what the tree holds; another request may succeed.
 * `unanswered`: the same request may be answered the next time. `ended`: only a new session helps. `impossible`: the same
 * request fails every time.
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
  /** In a multi: index of the operation that ZooKeeper refused. */
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

/** Per operation of a multi: the created path (with its sequence number), or the version after a set. */
export type ZkOpResult = { readonly path: string } | { readonly version: number } | Record<string, never>;

export type Unsubscribe = () => void;

/** Paths are below the root of the connect string: `/nodes`, never `/my-root/nodes`. */
export interface ZkSession {
  readonly id: SessionId;
  /** T, as negotiated, ms. */
  readonly timeoutMs: number;
  /** True once this session is over for this process, whether or not the server knows it yet. It never revives. */
  readonly ended: boolean;
  /** Called once, at once if it has ended already. */
  onEnd(listener: (reason: string) => void): Unsubscribe;

  /**
   * The lease [safety]: until this instant of Env.now() the session's ephemerals are certainly still there. Negative
   * infinity before the first counted heartbeat and after the end. Read it at the moment of use, never from a timer.
   */
  leaseUntil(): number;
  /** From now on heartbeats are the quorum write that checks `path`, which must be this session's ephemeral. */
  startLease(path: string): void;

  /** null where there is no such znode. */
  get(path: string): Promise<ZkNode | null>;
  /** Names, sorted; null where there is no such znode. */
  children(path: string): Promise<readonly string[] | null>;
  /** Makes the root of the connect string, and what is above it, where missing. `get('/')` is null before. */
  createRoot(): Promise<void>;
  /** The path made, with its sequence number. */
  create(path: string, data: Uint8Array, mode: CreateMode): Promise<string>;
  /** Compare-and-set; `version` is what was read (0 is a version like any other). Gives the new version. */
  set(path: string, data: Uint8Array, version: number): Promise<number>;
  delete(path: string, version: number): Promise<void>;
  /** All or nothing. */
  multi(ops: readonly ZkOp[]): Promise<readonly ZkOpResult[]>;
  /** A quorum write that changes nothing: a read after it on this session sees all that was written before it. */
  barrier(): Promise<void>;
  /** Closes the session at the server (its ephemerals vanish), waiting no longer than a second for the answer. */
  close(): Promise<void>;
}

export interface Observer {
  /** Asks for a re-read now. */
  kick(): void;
  close(): void;
}

/** Lives as long as the process: one session after another, and observers that outlive them. */
export interface Zk {
  /** The established session, null while there is none. */
  readonly session: ZkSession | null;
  /** Called for every new session, at once for the present one. */
  onSession(listener: (session: ZkSession) => void): Unsubscribe;
  /** The present session, or the next one. Rejects with ZkError `timeout` after `timeoutMs`. */
  ready(timeoutMs: number): Promise<ZkSession>;
  /**
   * Calls `listener` with the znode (null: absent) now and after every change that a re-read finds, until closed.
   * Re-reads on every watch, reconnect and new session, on kick() and every `pollMs`. Many changes may fold into one call.
   */
  observeData(path: string, listener: (node: ZkNode | null) => void): Observer;
  /** The same for the sorted names of the children. */
  observeChildren(path: string, listener: (names: readonly string[] | null) => void): Observer;
  /**
   * Ends a session that this process had before (one that it gave up may live on at the server), or that was given to it
   * as its dead predecessor's, so that its ephemerals vanish; resolves after a second or so at the latest. False: the
   * session was never this process's own.
   */
  closeFormer(id: SessionId): Promise<boolean>;
  /** Ends the session at the server and stops. */
  close(): Promise<void>;
}
