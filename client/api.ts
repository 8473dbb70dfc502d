// The public face of the client library: what `import { connect } from 'rangekeeper'` gives. Keys and values may be
// strings (UTF-8) or bytes; what comes back is bytes. All times are milliseconds.

import type { Bytes } from '../common/base/bytes.ts';
import type { Logger } from '../common/base/log.ts';
import type { DescriptorImage } from '../common/model/descriptor.ts';
import type { Epoch, NodeId, RangeId, Seq } from '../common/model/ids.ts';
import type { RaisedEpochs } from '../common/model/raise-epochs.ts';
import type { RangeCheck } from '../common/model/range-check.ts';
import type { ReadMode } from '../common/model/read-mode.ts';
import type { LiveNode, NamespaceRecord, NodeRecord } from '../common/model/records.ts';
import type { NodeStatus } from '../common/model/status.ts';

export interface ConnectOptions {
  /** ZooKeeper: `host:port,host:port/root`. */
  readonly zk: string;
  /** Default `default`. */
  readonly namespace?: string;
  /** How long an operation may take in all, retries included. Default 10,000 ms. */
  readonly deadlineMs?: number;
  /** How long `connect` waits for ZooKeeper and the cluster. Default 10,000 ms; then NO_CLUSTER. */
  readonly connectMs?: number;
  /** ZooKeeper session timeout of this client. Default 10,000 ms. */
  readonly sessionMs?: number;
  /** A fallback read asks a replica when the owner has been silent this long. Default 50 ms. */
  readonly fallbackMs?: number;
  /** Default: silent. */
  readonly logger?: Logger;
}

export type { ReadMode };

export interface CallOptions {
  /** Overrides ConnectOptions.deadlineMs. */
  readonly deadlineMs?: number;
}

export interface WriteOptions extends CallOptions {
  /** The write is applied only if the key's revision is this; 0: only if the key is absent. Else CONFLICT. */
  readonly ifRevision?: number;
}

export interface ReadOptions extends CallOptions {
  /** Default `linearizable`. */
  readonly read?: ReadMode;
}

/** Where an answer comes from. */
export interface Provenance {
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly node: NodeId;
}

export interface Written extends Provenance {
  /** Every key that the write set has this revision. */
  readonly revision: Seq;
}

export interface Deleted extends Written {
  readonly existed: boolean;
}

export interface Freshness {
  /** False: linearizable. True: from a replica, or an owner that could not vouch for it. */
  readonly stale: boolean;
  /** Upper bound of how far the answer may be behind, ms; 0 where it is not stale; null: not known. */
  readonly staleMs: number | null;
}

export interface Found extends Provenance, Freshness {
  /** May be a view into the memory that it was received in, up to 64 KiB or twice its length: copy what is kept long in numbers. */
  readonly value: Bytes;
  readonly revision: Seq;
}

/** Rows of a page share memory, and one keeps all of it alive (64 KiB, or about as much as the page has): copy what is kept long. */
export interface KeyRow {
  readonly key: Bytes;
  /** Empty in a scan with `keysOnly`. */
  readonly value: Bytes;
  readonly revision: Seq;
}

export interface ScanRow extends KeyRow, Freshness {}

export type Key = string | Bytes;

export interface ScanOptions extends ReadOptions {
  /** All keys that begin so; not together with start or end. */
  readonly prefix?: Key;
  /** First key, inclusive; default the first of the namespace. */
  readonly start?: Key;
  /** Exclusive; default unbounded. */
  readonly end?: Key;
  /** Rows at most; default all. */
  readonly limit?: number;
  /** From the last key to the first. */
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
}

export interface ScanPageOptions extends ScanOptions {
  /** The cursor of the page before; the scan goes on behind that page. Text, safe in a URL. */
  readonly cursor?: string | null;
}

export interface ScanPage extends Freshness {
  readonly rows: readonly KeyRow[];
  /** Null after the last row. */
  readonly cursor: string | null;
}

export interface RaiseOptions extends CallOptions {
  /** Go on without the nodes that do not answer: acknowledged writes that only they hold are then lost. Default false. */
  readonly force?: boolean;
  /** Only find out what would be done. Default false. */
  readonly dryRun?: boolean;
}

export type BatchOp =
  | { readonly put: { readonly key: Key; readonly value: Key; readonly ifRevision?: number } }
  | { readonly delete: { readonly key: Key; readonly ifRevision?: number } }
  | { readonly check: { readonly key: Key; readonly revision: number } };

export interface NodeView {
  readonly id: NodeId;
  readonly record: NodeRecord | null;
  /** Null while the node has no live session. */
  readonly live: LiveNode | null;
}

export interface ClientEvents {
  /** The picture of the ranges changed. */
  ranges: () => void;
  /** A node came, went or changed its mode. */
  nodes: () => void;
  /** ZooKeeper was lost (false) or is back (true). Data goes on either way while leases last. */
  zookeeper: (connected: boolean) => void;
}

/**
 * A client of one namespace of a cluster. Safe for any number of operations at once; all requests of one turn of the
 * event loop to one node travel together, so issue many at once (`Promise.all`) where speed counts.
 *
 * Every method rejects with RangekeeperError; its `code`, `applied` and `retry` say what is known and what helps
 * (common/base/errors.ts). The client has already done what can be done within the deadline: it follows ranges to their
 * new owners, waits for an owner, repeats reads, and repeats writes: each is applied at most once, however often it had to
 * be sent (R13). What a caller should expect of any operation:
 *
 * - `INVALID_ARGUMENT`: at once, nothing sent: an empty key, a key over 4 KiB, a value over 1 MiB, bad options.
 * - `NO_OWNER`: no owner of the range could be reached within the deadline. Nothing was applied.
 * - `READ_ONLY`, `NOT_READY`, `OVERLOADED`: the owner answered so until the deadline. Nothing was applied.
 * - `OVERLOADED` at once, nothing sent: the calls that this client has under way would, at the rate at which calls are
 *   answered, take more than a quarter of the deadline (client/admission.ts). Fewer than 1,024 are never refused so.
 * - `OUTCOME_UNKNOWN`: writes only. It was sent, and until the deadline no answer came, of repetitions neither; or it was
 *   sent again so late that the range had forgotten this client. It may have been applied, or may still be, so a later
 *   read that does not show it proves nothing. Where that matters, write with `ifRevision` always: of all writes on the revision
 *   that was read only one is applied, and the one in doubt cannot overwrite what was written after it.
 * - `DEADLINE`: no answer in time; nothing was applied.
 * - `CLOSED`: the client is closed.
 */
export interface Client {
  readonly namespace: string;

  /**
   * Sets a key. Resolves once the write is durable on every in-sync replica and visible to reads.
   *
   * Rejects also with CONFLICT where `ifRevision` does not hold; `details.revision` is the key's revision then.
   */
  put(key: Key, value: Key, options?: WriteOptions): Promise<Written>;

  /**
   * A key's value and revision; null where there is no such key.
   *
   * - `linearizable` (default): the owner's answer, which reflects every write acknowledged before the call.
   * - `fallback`: the same while the owner answers; when it is down, or silent for `fallbackMs`, a replica's answer,
   *   marked `stale` with `staleMs`. Rejects with UNREACHABLE where no replica answers either.
   * - `stale`: the nearest replica's answer, never older than what this client has seen or written itself.
   */
  get(key: Key, options?: ReadOptions): Promise<Found | null>;

  /** Removes a key; `existed` says whether there was one. Errors as of `put`. */
  delete(key: Key, options?: WriteOptions): Promise<Deleted>;

  /**
   * All or nothing: puts, deletes and checks, decided and applied together, in order. At most 1,024 operations and 4 MiB.
   *
   * Rejects also with CROSS_RANGE where the keys are in several ranges, and with CONFLICT where a condition does not hold.
   */
  batch(ops: readonly BatchOp[], options?: CallOptions): Promise<Written>;

  /**
   * Rows in key order, page by page as they are asked for. Each piece of a range is one snapshot; the whole is not. Keys
   * are neither skipped nor doubled when ranges split or move meanwhile. `deadlineMs` is for each page.
   */
  scan(options?: ScanOptions): AsyncIterableIterator<ScanRow>;

  /**
   * At most `limit` rows (default 100, at most 10,000) and about 1 MiB. With the `cursor` of the page before, goes on behind
   * it; the other options must be the same (`limit` and the read mode may differ), else INVALID_ARGUMENT.
   */
  scanPage(options?: ScanPageOptions): Promise<ScanPage>;

  /** Number of keys, counted at the nodes, piece by piece. `deadlineMs` is for each piece. */
  count(options?: Omit<ScanOptions, 'limit' | 'reverse' | 'keysOnly'>): Promise<number>;

  /** The namespace's ranges as known now, in key order. Those not in use may be out of date: see `refresh`. */
  ranges(): readonly DescriptorImage[];

  /** Reads all ranges from ZooKeeper again, for somebody who looks at them. Rejects with NO_CLUSTER while it is away. */
  refresh(): Promise<void>;

  /** Every node that is registered or live, in order of ids. */
  nodes(): readonly NodeView[];

  /** The range that holds this key, as known now. Throws INVALID_ARGUMENT. */
  locate(key: Key): DescriptorImage | undefined;

  /** Every namespace of the cluster. Rejects with NO_CLUSTER while ZooKeeper is away. */
  namespaces(): Promise<readonly NamespaceRecord[]>;

  /**
   * A client of another namespace of this cluster, with the same options, over the same connections and ZooKeeper session:
   * requests of both travel together. Closing it leaves this one as it is: what is under way there still ends with its
   * answer, but is not sent again. Closing the client that `connect` gave closes all that were made from it.
   *
   * Rejects with UNKNOWN_NAMESPACE, and with NO_CLUSTER while ZooKeeper is away.
   */
  inNamespace(namespace: string): Promise<Client>;

  /** Asks a node about itself. Rejects with UNREACHABLE, DEADLINE, OVERLOADED. */
  nodeStatus(node: NodeId, options?: CallOptions): Promise<NodeStatus>;

  /**
   * Asks the leading coordinator to remove the record of a node that is not live and holds no replica; resolves with what was done,
   * in words. Rejects with REFUSED and the reason, NO_CLUSTER while ZooKeeper is away, and OUTCOME_UNKNOWN where no coordinator
   * has answered in time.
   */
  forgetNode(node: NodeId, options?: CallOptions): Promise<string>;

  /**
   * After ZooKeeper was restored to an older state: asks every live node what its replicas have seen, and the leading coordinator
   * to begin each range (of every namespace) again that is behind its replicas. Resolves with what was found and done, range by
   * range; a range that cannot begin again is no rejection. May be called again. `deadlineMs` bounds how long the nodes may be
   * silent, and after that the coordinator for each of its tasks, not the whole.
   *
   * Rejects with NO_CLUSTER while ZooKeeper is away: what the coordinator was asked for by then may still be done.
   */
  raiseEpochs(options?: RaiseOptions): Promise<RaisedEpochs>;

  /**
   * Has all rows of all replicas of a range of this namespace read and verified, and compared at one seq. Resolves with what
   * was found; a difference is no rejection. Takes as long as reading the range does: `deadlineMs` bounds how long the range's
   * owner may be silent, not the whole.
   *
   * Rejects with INVALID_ARGUMENT where there is no such range, and as a write does where its owner cannot be asked.
   */
  checkRange(range: RangeId, options?: CallOptions): Promise<RangeCheck>;

  /** Calls `listener` at every such event until the function that is given back is called. */
  on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): () => void;

  /**
   * Ends every connection and the ZooKeeper session, and the clients made by `inNamespace` with them. What is under way
   * fails: CLOSED, or OUTCOME_UNKNOWN for sent writes.
   */
  close(): Promise<void>;
}
