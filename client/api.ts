/// <reference lib="esnext.disposable" preserve="true" />
// The types of the client library, which `import { connect } from 'rangekeeper'` gives. Keys and values may be passed as strings
// (UTF-8) or bytes, and are returned as bytes. All times are in milliseconds.

import type { Bytes } from '../common/base/bytes.ts';
import type { Logger } from '../common/base/log.ts';
import type { DescriptorImage } from '../common/model/descriptor.ts';
import type { Epoch, NodeId, RangeId, Seq } from '../common/model/ids.ts';
import type { RaisedEpochs } from '../common/model/raise-epochs.ts';
import type { RangeCheck } from '../common/model/range-check.ts';
import type { ReadMode } from '../common/model/read-mode.ts';
import type { LiveNode, NamespaceRecord, NodeRecord } from '../common/model/records.ts';
import type { NodeStatus } from '../common/model/status.ts';
import type { Administration } from './admin-api.ts';
import type { AbortOptions, CallOptions, Key } from './call-options.ts';

export interface ConnectOptions {
  /** ZooKeeper's connect string: `host:port,host:port/root`. */
  readonly zk: string;
  /** Default `default`. */
  readonly namespace?: string;
  /** How long an operation may take, including retries. Default 10,000 ms. */
  readonly deadlineMs?: number;
  /** How long `connect` waits for ZooKeeper and the cluster before it rejects with NO_CLUSTER. Default 10,000 ms. */
  readonly connectMs?: number;
  /** ZooKeeper session timeout of this client. That ZooKeeper is silent is noticed after half of it. Default 4,000 ms. */
  readonly sessionMs?: number;
  /** A fallback read asks a replica if the owner does not answer for this long. Default 50 ms. */
  readonly fallbackMs?: number;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /** Ends the attempt to connect. Has no effect on the client. */
  readonly signal?: AbortSignal;
}

export type { AbortOptions, CallOptions, Key, ReadMode };

export interface WriteOptions extends CallOptions {
  /** The write is applied only if the key has this revision (0: only if the key is absent). Otherwise it rejects with CONFLICT. */
  readonly ifRevision?: number;
}

export interface ReadOptions extends CallOptions {
  /** Default `linearizable`. */
  readonly read?: ReadMode;
}

/** The range, its epoch, and the node that answered. */
export interface Provenance {
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly node: NodeId;
}

export interface Written extends Provenance {
  /** The revision that this write gave to each key that it set. */
  readonly revision: Seq;
}

export interface Deleted extends Written {
  readonly existed: boolean;
}

export interface Freshness {
  /** False: the answer is linearizable. True: it comes from a replica, or from an owner that could not guarantee it. */
  readonly stale: boolean;
  /** How far the answer may be behind, ms, at most; 0 if it is not stale; null: not known. */
  readonly staleMs: number | null;
}

/** What a value says, if it is text. */
export interface TextForms {
  /**
   * The value as UTF-8 text. Throws INVALID_ARGUMENT if it is not UTF-8. A character at the end of a value that is cut in two
   * (`valueBytesMax`) is left out.
   */
  text(): string;
  /** The value as JSON, which nothing checks to be a T. Throws INVALID_ARGUMENT if it is not JSON, or if the value is cut. */
  json<T = unknown>(): T;
}

export interface Found extends Provenance, Freshness, TextForms {
  /**
   * May be a view into the memory in which it was received, which it keeps alive: up to 64 KiB, or twice its length. Copy values if
   * you keep many of them for long.
   */
  readonly value: Bytes;
  readonly revision: Seq;
}

/**
 * Rows of one page share memory. A single row keeps all of it alive: up to 64 KiB, or about as much as the page has. Copy rows that
 * you keep for long.
 */
export interface KeyRow extends TextForms {
  readonly key: Bytes;
  /** Empty in a scan with `keysOnly`. */
  readonly value: Bytes;
  readonly revision: Seq;
  /** Length of the complete value in bytes, if `value` is only its beginning (`valueBytesMax`, `keysOnly`); else absent. */
  readonly valueLength?: number;
}

export interface ScanRow extends KeyRow, Freshness {}

export interface ScanOptions extends ReadOptions {
  /** All keys with this prefix. Excludes `start` and `end`. */
  readonly prefix?: Key;
  /** Inclusive. Default: the first key of the namespace. */
  readonly start?: Key;
  /** Exclusive. Default: unbounded. */
  readonly end?: Key;
  /** How many rows at most. Default: all. */
  readonly limit?: number;
  /** Rows from the last key to the first. */
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
  /**
   * Values are cut to this many bytes, at the node, and a page counts the cut values. A row whose value was cut has `valueLength`.
   * Excludes `keysOnly`. Default: complete values.
   */
  readonly valueBytesMax?: number;
}

export type CountOptions = Omit<ScanOptions, 'limit' | 'reverse' | 'keysOnly' | 'valueBytesMax'>;

/** The rows of a scan. Ends early by `return`, as `for await` does at `break`, or with `await using`. */
export interface Scan extends AsyncIterableIterator<ScanRow>, AsyncDisposable {
  return(): Promise<IteratorResult<ScanRow>>;
}

export interface ScanPageOptions extends ScanOptions {
  /** The cursor of the page before: the scan continues after that page. It is text that is safe in a URL. */
  readonly cursor?: string | null;
}

export interface ScanPage extends Freshness {
  readonly rows: readonly KeyRow[];
  /** Null after the last row. */
  readonly cursor: string | null;
}

export interface NamespaceOptions extends CallOptions {
  /**
   * Replicas of each range, 1 to 9. Default: as many as the coordinator gives to `default`, which is 3 unless it was told otherwise.
   * May be more than there are nodes: the ranges get their other replicas as nodes join.
   */
  readonly replicas?: number;
  /**
   * How many replicas hold each acknowledged write, at least: 1 to `replicas`. Default: a majority of them; 1 of 2: writes go on while
   * one of the two nodes is down, and are then on one disk only. While a range has fewer replicas than it should, this may be less, too.
   */
  readonly minInSync?: number;
  /**
   * How many ranges it begins with, 1 to 256, divided evenly by the first characters of keys that consist of 0-9 and a-z: 3 ranges
   * meet at `c` and `o`. Default: one range for each node, divided in the same way. Excludes `splitAt`.
   */
  readonly ranges?: number;
  /** The keys at which its first ranges meet, in any order, none twice: at most 255. None: it begins with one range. */
  readonly splitAt?: readonly Key[];
  /** A range that has more bytes is split, 64 KiB to 1 TiB. Default: the coordinator's, 256 MiB unless it was told otherwise. */
  readonly splitBytes?: number;
  /**
   * A delimiter of 1 to 64 bytes: no split parts keys that are equal through its first occurrence, so a batch of such keys is always in one
   * range. Default: none.
   */
  readonly unit?: Key;
}

/** A namespace and the number of its ranges. */
export interface NamespaceView extends NamespaceRecord {
  /** Those that were split or merged count until no node holds them any more: a second or two. */
  readonly ranges: number;
}

export interface RaiseOptions extends CallOptions {
  /** Go on without the nodes that do not answer: acknowledged writes that only they hold are then lost. Default false. */
  readonly force?: boolean;
  /** Find out what would be done, and change nothing. Default false. */
  readonly dryRun?: boolean;
}

export interface BatchPut {
  readonly key: Key;
  readonly value: Key;
  readonly ifRevision?: number;
}

export interface BatchDelete {
  readonly key: Key;
  readonly ifRevision?: number;
}

/** The batch is applied only if the key has this revision; 0: only if it is absent. */
export interface BatchCheck {
  readonly key: Key;
  readonly revision: number;
}

/** One of the three. */
export type BatchOp =
  | { readonly put: BatchPut; readonly delete?: undefined; readonly check?: undefined }
  | { readonly delete: BatchDelete; readonly put?: undefined; readonly check?: undefined }
  | { readonly check: BatchCheck; readonly put?: undefined; readonly delete?: undefined };

export interface NodeView {
  readonly id: NodeId;
  readonly record: NodeRecord | null;
  /** Null while the node has no live session. */
  readonly live: LiveNode | null;
}

export interface ClientEvents {
  /** The ranges changed, as this client knows them. */
  ranges: () => void;
  /** A node joined, left, moved or changed its mode. */
  nodes: () => void;
  /** ZooKeeper does not answer this client (false), or does again (true). Reads and writes work without it while leases last. */
  zookeeper: (connected: boolean) => void;
}

/**
 * A client of one namespace of a cluster. Any number of operations may run at once. All requests to one node in one turn of the
 * event loop travel together, so start many at once (`Promise.all`) if speed matters.
 *
 * Keys and values may be changed by the caller as soon as a method has returned: the call uses what they were.
 *
 * Every method rejects with RangekeeperError. Its `code`, `applied` and `retry` say what is known and what to do
 * (common/base/errors.ts). The client retries by itself within the deadline: it follows ranges to their new owners, waits for an
 * owner, and repeats reads and writes. A write is applied at most once, no matter how often it was sent (R13). Any operation may
 * reject with:
 *
 * - `INVALID_ARGUMENT`: an empty key, a key over 4 KiB, a value over 1 MiB, a string that is not well-formed Unicode, bad options, an
 *   option that the method does not have. At once; nothing was sent.
 * - `NO_OWNER`: no owner of the range could be reached within the deadline. Nothing was applied.
 * - `READ_ONLY`, `NOT_READY`, `OVERLOADED`: this was the owner's answer until the deadline. Nothing was applied.
 * - `OVERLOADED` at once: at the present rate of answers, the calls under way would take more than a quarter of the deadline
 *   (client/admission.ts). Nothing was sent. With fewer than 1,024 calls under way this does not happen.
 * - `OUTCOME_UNKNOWN`: only for writes. The write was sent and repeated, and no answer came before the deadline; or it was repeated so
 *   late that the range had forgotten this client. It may have been applied, or may still be applied later: a read that does not show
 *   it proves nothing. If that matters, always write with `ifRevision`: of all writes on one revision only one is applied, and a
 *   write in doubt cannot overwrite a later one.
 * - `UNKNOWN_NAMESPACE`: the namespace was dropped.
 * - `DEADLINE`: no answer came in time. Nothing was applied.
 * - `ABORTED`: the call's `signal` ended it. Nothing was applied.
 * - `CLOSED`: the client is closed.
 */
export interface Client extends Administration, AsyncDisposable {
  readonly namespace: string;

  /**
   * Sets a key. Resolves once the write is durable on every in-sync replica and visible to reads.
   *
   * Also rejects with CONFLICT if `ifRevision` does not hold. `details.revision` is then the revision that the key had.
   */
  put(key: Key, value: Key, options?: WriteOptions): Promise<Written>;

  /**
   * A key's value and revision; null if the key is absent.
   *
   * - `linearizable` (default): the owner's answer, which reflects every write acknowledged before the call.
   * - `fallback`: the owner's answer; if the owner is down, or does not answer for `fallbackMs`, a replica's answer, with `stale` and
   *   `staleMs`. Rejects with UNREACHABLE if no replica answers either.
   * - `stale`: the nearest replica's answer. It is never older than what this client has already seen or written.
   */
  get(key: Key, options?: ReadOptions): Promise<Found | null>;

  /** Deletes a key; `existed` says whether it was there. Rejects as `put` does. */
  delete(key: Key, options?: WriteOptions): Promise<Deleted>;

  /**
   * Applies puts, deletes and checks together and in order: all of them, or none. At most 1,024 operations and 4 MiB.
   *
   * Also rejects with CROSS_RANGE if the keys are in several ranges, and with CONFLICT if a condition does not hold: `details` has
   * the `index` of the first such operation, its `key`, and the `revision` that the key had.
   */
  batch(ops: readonly BatchOp[], options?: CallOptions): Promise<Written>;

  /**
   * Rows in key order. Pages are read as the rows are consumed. Rows of one page that are in one range are from one snapshot; the
   * scan as a whole is not. No key is skipped or repeated if ranges split or move during the scan. `deadlineMs` is for each page.
   *
   * Throws INVALID_ARGUMENT.
   */
  scan(options?: ScanOptions): Scan;

  /**
   * One page: at most `limit` rows (default 100, at most 10,000) and about 1 MiB. With the `cursor` of the page before, the scan
   * continues after that page. The other options must then be the same, except `limit` and the read mode; else INVALID_ARGUMENT.
   */
  scanPage(options?: ScanPageOptions): Promise<ScanPage>;

  /** The number of keys. The nodes count them, piece by piece. `deadlineMs` is for each piece. */
  count(options?: CountOptions): Promise<number>;

  /**
   * The namespace's ranges as this client knows them, in key order, without overlaps. Ranges that it does not use may be out of date: see
   * `refresh`. A range that others have replaced is there as long as some of these are not known, with the bounds of what is left to it.
   */
  ranges(): readonly DescriptorImage[];

  /** Reads all ranges from ZooKeeper again. Rejects with NO_CLUSTER if ZooKeeper does not answer. */
  refresh(options?: AbortOptions): Promise<void>;

  /** Every node that is registered or live, in order of ids. */
  nodes(): readonly NodeView[];

  /** The range that holds this key, as this client knows it; undefined: it knows none. Throws INVALID_ARGUMENT. */
  locate(key: Key): DescriptorImage | undefined;

  /** Every namespace of the cluster, in order of names. Rejects with NO_CLUSTER if ZooKeeper does not answer. */
  namespaces(options?: AbortOptions): Promise<readonly NamespaceView[]>;

  /**
   * Asks the leader to make a namespace. A name has 1 to 64 characters of A-Z a-z 0-9 _ . - and begins with a letter or digit.
   * Resolves once the namespace is there with all its ranges, each with an owner. `inNamespace` finds it from then on, from every
   * client; the first calls to a range may wait a moment for its owner to begin. The split keys may be changed after the call.
   *
   * Rejects with INVALID_ARGUMENT if the name or an option cannot be, before anything is sent; with REFUSED and the reason if a
   * namespace of that name exists, or it cannot be made; with NO_CLUSTER if ZooKeeper does not answer; and with OUTCOME_UNKNOWN if
   * no coordinator has answered in time, no node is there, or the client is closed: it may still be made. It is safe to ask again: a
   * name is made once, and of several requests the later ones are refused.
   */
  createNamespace(name: string, options?: NamespaceOptions): Promise<NamespaceView>;

  /**
   * A client of another namespace of this cluster, with the same options. It shares the connections and the ZooKeeper session, so
   * requests of both clients travel together. Closing it does not close this client; its calls under way still get their answers,
   * but are not retried. Closing the client that `connect` returned closes all clients that were made from it.
   *
   * Rejects with INVALID_ARGUMENT (a name that no namespace can have), with UNKNOWN_NAMESPACE, and with NO_CLUSTER if ZooKeeper does
   * not answer.
   */
  inNamespace(namespace: string, options?: AbortOptions): Promise<Client>;

  /** A node's status, from the node itself. Rejects with UNREACHABLE, DEADLINE, OVERLOADED or MALFORMED. */
  nodeStatus(node: NodeId, options?: CallOptions): Promise<NodeStatus>;

  /**
   * For use after ZooKeeper was restored to an older state. Asks every live node what its replicas have seen, then asks the
   * leader to begin again each range, of every namespace, that is in conflict with its replicas. Resolves with what was found
   * and done for each of these ranges, also if a range cannot begin again. May be called again. `deadlineMs` bounds how long
   * the nodes may take to answer, and then how long the leader may take for each task; it does not bound the call as a whole.
   *
   * Rejects with NO_CLUSTER if ZooKeeper does not answer. The leader may still do what it was asked for before.
   */
  raiseEpochs(options?: RaiseOptions): Promise<RaisedEpochs>;

  /**
   * Compares the replicas of a range of this namespace: each reads and verifies all its rows, at one seq. Resolves with what
   * was found, also if replicas differ. This takes as long as reading the range does. `deadlineMs` bounds how long the range's
   * owner may take to answer one request; it does not bound the call as a whole.
   *
   * Rejects with INVALID_ARGUMENT if there is no such range, and with the last error if its owner cannot be asked.
   */
  checkRange(range: RangeId, options?: CallOptions): Promise<RangeCheck>;

  /** Calls `listener` at every such event, until the returned function is called. */
  on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): () => void;

  /**
   * Closes every connection, the ZooKeeper session, and the clients made by `inNamespace`. Calls under way reject with CLOSED, or
   * with OUTCOME_UNKNOWN if they are writes that were sent. `await using client = await connect({ zk })` closes the client, too.
   */
  close(): Promise<void>;
}
