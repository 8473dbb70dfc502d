// The public face of the client library: what `import { connect } from 'rangekeeper'` gives. Keys and values may be
// strings (UTF-8) or bytes; what comes back is bytes. All times are milliseconds.

import type { Bytes } from '../base/bytes.ts';
import type { Logger } from '../base/log.ts';
import type { DescriptorImage } from '../model/descriptor.ts';
import type { Epoch, NodeId, RangeId, Seq } from '../model/ids.ts';
import type { LiveNode, NamespaceRecord, NodeRecord } from '../model/records.ts';
import type { NodeStatus } from '../model/status.ts';

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

export type ReadMode = 'linearizable' | 'fallback' | 'stale';

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
  /** Of every key that the write set. */
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
  readonly value: Bytes;
  readonly revision: Seq;
}

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
  /** Of the page before: goes on behind it. Text, safe in a URL. */
  readonly cursor?: string | null;
}

export interface ScanPage extends Freshness {
  readonly rows: readonly KeyRow[];
  /** Null after the last row. */
  readonly cursor: string | null;
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
 * Every method rejects with RangekeeperError; `code`, `applied` and `retry` say what is known and what helps
 * (common/base/errors.ts). Writes are sent again only where nothing can have been applied.
 */
export interface Client {
  readonly namespace: string;
  put(key: Key, value: Key, options?: WriteOptions): Promise<Written>;
  get(key: Key, options?: ReadOptions): Promise<Found | null>;
  delete(key: Key, options?: WriteOptions): Promise<Deleted>;
  /** All or nothing within one range; CROSS_RANGE where the keys are in several. */
  batch(ops: readonly BatchOp[], options?: CallOptions): Promise<Written>;
  /** Rows in key order, page by page as they are asked for. Each page is one snapshot of its range; the whole is not. */
  scan(options?: ScanOptions): AsyncIterableIterator<ScanRow>;
  /** At most `limit` rows (default 100) and about 1 MiB. */
  scanPage(options?: ScanPageOptions): Promise<ScanPage>;
  /** Number of keys, page by page at the nodes. */
  count(options?: Omit<ScanOptions, 'limit' | 'reverse' | 'keysOnly'>): Promise<number>;

  /** The namespace's ranges as known now, in key order. */
  ranges(): readonly DescriptorImage[];
  nodes(): readonly NodeView[];
  /** The range that holds this key, as known now. */
  locate(key: Key): DescriptorImage | undefined;
  namespaces(): Promise<readonly NamespaceRecord[]>;
  /** Asks a node about itself. */
  nodeStatus(node: NodeId, options?: CallOptions): Promise<NodeStatus>;
  on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): () => void;
  close(): Promise<void>;
}
