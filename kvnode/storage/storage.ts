// What a node keeps on disk, as the rest of the node sees it (docs/storage.md). One shared segmented log makes writes
// durable, a state store behind it holds the rows; both live in one data directory. Everything here that is not a
// promise takes effect in memory at once, in call order; durability comes with the group (`gathering`, `onSynced`).

import type { Bytes } from '../../common/base/bytes.ts';
import type { Epoch, Inc, NamespaceId, NodeId, Position, RangeId, Seq } from '../../common/model/ids.ts';
import type { KeyRange } from '../../common/model/key-range.ts';
import type { EncodedRows } from '../../common/wire/encoded-rows.ts';
import type { EntryKind } from '../../common/wire/messages.ts';
import type { Lineage } from './lineage.ts';
import type { NodeFile } from './node-file.ts';

export { ENTRY_KINDS, type EntryKind } from '../../common/wire/messages.ts';

export interface LogEntry {
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly kind: EntryKind;
  /** operation: the encoded Operation as its client sent it; epochStart and check: empty. Owned by the log once appended. */
  readonly payload: Bytes;
}

/** A replica's life on this disk: made from a descriptor only (R9). */
export interface ReplicaMeta extends KeyRange {
  readonly range: RangeId;
  readonly inc: Inc;
  readonly namespace: string;
  readonly namespaceId: NamespaceId;
}

/** A replica as found on disk at start. */
export interface RecoveredReplica extends ReplicaMeta {
  readonly epochSeen: Epoch;
  /** The log holds entries after this position. */
  readonly base: Position;
  readonly lastSeq: Seq;
  /** Through here the state on disk is applied; base <= applied <= last, unless void. */
  readonly applied: Position;
  /** The replica knew that the entries through this seq are committed; at least what is applied, at most the last. */
  readonly committed: Seq;
  /** A snapshot was being installed: nothing of the state counts, the replica answers for nothing until it has one. */
  readonly void: boolean;
}

/** R9: no replica of `range` is ever made here with an inc at or below this one. */
export interface Tombstone {
  readonly range: RangeId;
  readonly inc: Inc;
  readonly epochSeen: Epoch;
}

export interface Row {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly revision: Seq;
}

/** What applying one entry does to one key; `value` null deletes. The revision is the entry's seq. */
export interface RowChange {
  readonly key: Bytes;
  readonly value: Bytes | null;
}

/** A row of a replica's client-session table (R13), opaque here; the table's own row has an empty client id. */
export interface SessionRow {
  readonly clientId: Bytes;
  readonly record: Bytes;
}

/** `record` null: the client was forgotten. */
export interface SessionChange {
  readonly clientId: Bytes;
  readonly record: Bytes | null;
}

/** The table itself, kept in memory by who applies entries. */
export interface SessionTable {
  /** What has changed since the last call, in an order in which the last one for a client counts. */
  takeChanges(): readonly SessionChange[];
  /** The whole table as it is now, in no particular order. */
  rows(): readonly SessionRow[];
}

export interface PageRequest {
  readonly limitRows: number;
  readonly limitBytes: number;
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  /** Count rows, return none; limitRows and limitBytes still bound the work. */
  readonly countOnly: boolean;
}

/** One snapshot of the state. */
export interface ScanPage {
  readonly rows: EncodedRows;
  readonly count: number;
  /** Forward: all of [start, bound) was read; reverse: all of [bound, end). Never beyond what was asked. */
  readonly bound: Bytes | null;
  /** The seq through which the state read was applied. */
  readonly applied: Seq;
}

/** Rows of one range as of one durable position, for a learner. The log from there on is kept until close(). */
export interface SnapshotReader {
  readonly meta: ReplicaMeta;
  readonly position: Position;
  /** Some rows, in key order, of about `bytesMax` bytes; null after the last. */
  next(bytesMax: number): Promise<readonly Row[] | null>;
  /** The client-session table of the same moment, whole. */
  sessions(): Promise<readonly SessionRow[]>;
  close(): void;
}

/**
 * Rows and client sessions of one replica exactly as of the seq through which it had applied its log when the view was
 * opened, whatever is applied or written behind meanwhile. Each stored row is verified as it is read. A view that stays
 * open keeps old versions of rows alive: read it to its end, or close it.
 */
export interface ReplicaView {
  readonly meta: ReplicaMeta;
  readonly position: Position;
  /** The client-session table, whole, in no particular order. */
  readonly sessions: readonly SessionRow[];
  /** Some rows, in key order, of about `bytesMax` bytes, maybe none; null after the last. Throws CorruptDataError. */
  next(bytesMax: number): Promise<readonly Row[] | null>;
  close(): void;
}

/** A snapshot being taken in. The replica is void from `begin` until `finish` has resolved. */
export interface SnapshotWriter {
  add(rows: readonly Row[]): Promise<void>;
  /** Durable: rows, sessions, `applied` and the log's base are at the snapshot's position; epochSeen is kept. */
  finish(sessions: readonly SessionRow[]): Promise<void>;
  /** Gives up; the replica stays void. */
  abandon(): void;
}

export interface StorageStats {
  readonly logBytes: number;
  /** Of the log, written again so that the segments they stood in could go. */
  readonly carriedBytes: number;
  readonly overlayBytes: number;
  /** Reads of the state beneath the overlay: answered from memory, or by the store. */
  readonly rowCacheBytes: number;
  readonly rowCacheHits: number;
  readonly rowCacheMisses: number;
  /** Of leaves in memory; how many of them scans have used, and how often one had to read the store. */
  readonly leafCacheBytes: number;
  readonly leafCacheHits: number;
  readonly leafCacheMisses: number;
  readonly syncs: number;
  readonly groups: number;
  readonly entries: number;
}

/** Which epoch each seq of a log belongs to, in memory: all that R3 asks of a log is answered from here. */
export interface LogIndex {
  /** The log holds entries after this position. */
  readonly base: Position;
  readonly last: Position;
  readonly lastSeq: Seq;
  /** The epoch at `seq`, of the base too; undefined below the base and beyond the end. */
  epochAt(seq: Seq): Epoch | undefined;
  has(position: Position): boolean;
  /** The newest position at or before `limit` in seq whose epoch is not above `limit`'s; the base if there is none. */
  newestAtOrBefore(limit: Position): Position;
}

/** The log of one replica. All calls take effect in memory at once, in call order; they are durable with their group. */
export interface ReplicaLog extends LogIndex {
  /**
   * The group that is gathering. Read it after logging: what was logged is durable once a group with this number or a
   * higher one is synced.
   */
  readonly gathering: number;
  setEpochSeen(epoch: Epoch): void;
  /** Entries continue the log: the first one's seq is one more than the last's. Their payloads are copied. */
  append(entries: readonly LogEntry[]): void;
  /** Drops the entries after `lastKept`, which is at or above what is applied. */
  truncate(lastKept: Seq): void;
  /**
   * Entries from `from` on, at most `bytesMax` bytes of payload but at least one if there is one; from memory or disk.
   * Null where the log no longer goes back so far.
   */
  read(from: Seq, bytesMax: number): readonly LogEntry[] | null;
  /** Some follower may still need the entries after this seq; a hint, overridden by the retention bound. */
  retainAfter(seq: Seq): void;
}

/** Who this data directory is. */
export interface StorageIdentity {
  readonly nodeId: NodeId;
  /** Null until the node first joined one. */
  readonly clusterId: string | null;
  joinCluster(clusterId: string): Promise<void>;
  /** The directory's start counter, as it is on the disk. */
  readonly lineage: Lineage;
  /** Raises it by one, durably, in the name of this process. Rejects with the disk's error; then nothing has changed. */
  raiseGeneration(writer: string): Promise<void>;
  /** The nodes that the directory was before it was set aside, the oldest first, as each was in the end. */
  readonly former: readonly NodeFile[];
}

/** The log that all replicas share. */
export interface StorageLog {
  /** As ReplicaLog's. */
  readonly gathering: number;
  /** Called for each synced group, in order. */
  onSynced(listener: (group: number) => void): void;
  /** Called once: a write or a sync failed (R12). The process must stop; nothing is acknowledged after it. */
  onFailure(listener: (error: Error) => void): void;
  /** Since when (Env.now()) the log waits for the disk to take or to sync a group; null: it does not. */
  readonly waitingSince: number | null;
  /** No room for more log: new writes should be refused with OVERLOADED. It is tried again until there is some. */
  readonly full: boolean;
  /**
   * R12: marks the data directory as damaged, durably, then fails the log (`onFailure`), so that the process stops. The next
   * start sets the directory aside.
   */
  reportDamage(reason: string): void;
}

/** The rows of all replicas, as applied. */
export interface StorageState {
  /** The row with every applied change in it. The bytes must not be modified. */
  get(namespaceId: NamespaceId, key: Bytes): Row | undefined;
  /** Applies one committed entry, in seq order without gaps; visible to reads at once, written behind. */
  apply(range: RangeId, position: Position, changes: readonly RowChange[]): void;
  /**
   * The replica's client-session table from now on: asked for its changes in the turn in which a batch with entries of this
   * replica is cut, so that it must be up to date when `apply` is called. Answers the rows found on disk, once.
   */
  attachSessions(range: RangeId, table: SessionTable): readonly SessionRow[];
  /** Too much is waiting to be written behind: new writes should be refused with OVERLOADED. */
  readonly saturated: boolean;
  /** One page of `[start, end)` of the range's namespace; the caller has clipped the bounds to the range. */
  scan(range: RangeId, bounds: KeyRange, options: PageRequest): Promise<ScanPage>;
  /** Call it in the turn in which `apply` was called, to get the state right after that entry. */
  openView(range: RangeId): ReplicaView;
  /**
   * Verifies the files that the state is read from, beside whatever goes on. `turn` is awaited before each piece of so many
   * bytes is read. Answers the bytes verified. Throws CorruptDataError, which has then been reported.
   */
  verifyState(turn: (bytes: number) => Promise<void>): Promise<number>;
}

/** The replicas as a whole: made, replaced by a snapshot, wiped. */
export interface StorageReplicas {
  readonly recovered: readonly RecoveredReplica[];
  readonly tombstones: ReadonlyMap<RangeId, Tombstone>;
  /** Another range here, or one that is being wiped, whose keys overlap these: no replica can be made beside it. */
  overlapping(meta: ReplicaMeta): RangeId | null;
  /** Makes an empty replica with the log base given (origin, or where a split made the range). */
  createReplica(meta: ReplicaMeta, base: Position, epochSeen: Epoch): void;
  /** The log of the replica that the range has here now. */
  logOf(range: RangeId): ReplicaLog;
  openSnapshot(range: RangeId): Promise<SnapshotReader>;
  /** Durably void first; then the span is cleared. `bounds` become the replica's. */
  beginSnapshot(range: RangeId, bounds: KeyRange, position: Position): Promise<SnapshotWriter>;
  /** R9: a durable tombstone, then the rows are cleared (resumed at the next start if interrupted). */
  wipe(range: RangeId): Promise<void>;
}

/** All that a node keeps on disk. Whoever needs a part of it takes that part. */
export interface Storage extends StorageIdentity, StorageLog, StorageState, StorageReplicas {
  readonly stats: StorageStats;
  /** Everything logged is synced, the state written; the directory is released. */
  close(): Promise<void>;
}
