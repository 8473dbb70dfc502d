// The interface of a node's storage (docs/storage.md). One shared, segmented log makes writes durable. The state store
// behind it holds the rows. Both are in one data directory.
//
// A call that returns no promise takes effect in memory at once, in call order. It is durable when its group is synced
// (`gathering`, `onSynced`).

import type { Bytes } from '../../common/base/bytes.ts';
import type { Epoch, Inc, NamespaceId, NodeId, Position, RangeId, Seq } from '../../common/model/ids.ts';
import type { KeyRange } from '../../common/model/key-range.ts';
import type { Parent } from '../../common/model/replacement.ts';
import type { EncodedRows } from '../../common/wire/encoded-rows.ts';
import type { EntryKind } from '../../common/wire/messages.ts';
import type { Lineage } from './lineage.ts';
import type { NodeFile } from './node-file.ts';

export { ENTRY_KINDS, type EntryKind } from '../../common/wire/messages.ts';

export interface LogEntry {
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly kind: EntryKind;
  /**
   * An `operation` holds the encoded Operation as its client sent it. For `epochStart` and `check` it is empty. The log
   * owns it once it is appended.
   */
  readonly payload: Bytes;
}

/** What identifies one replica on this disk. It comes from a descriptor only (R9). */
export interface ReplicaMeta extends KeyRange {
  readonly range: RangeId;
  readonly inc: Inc;
  readonly namespace: string;
  readonly namespaceId: NamespaceId;
}

/** A replica as a start finds it on the disk. */
export interface RecoveredReplica extends ReplicaMeta {
  readonly epochSeen: Epoch;
  /** The log holds entries after this position. */
  readonly base: Position;
  readonly lastSeq: Seq;
  /** The state on the disk has applied the log through here: base <= applied <= last, unless `void`. */
  readonly applied: Position;
  /** The replica knew that entries through this seq are committed: applied <= committed <= last. */
  readonly committed: Seq;
  /**
   * A snapshot was being installed. The rows on the disk do not count, and the replica holds nothing until it has
   * installed one.
   */
  readonly void: boolean;
}

/** S6: one step of a node. The parents have applied their logs through their final positions. */
export interface ReplacementStep {
  /** Replicas on this node, none of them void. */
  readonly parents: readonly Parent[];
  /** Those that this node is to hold, and has not held before. */
  readonly children: readonly ReplicaMeta[];
}

/**
 * A step whose children still rely on the logs of their parents, as a start finds it: rows that the parents had applied may be
 * missing in the state store. Apply each parent's log through `final`, in any order, before a child is used.
 */
export interface UnsettledStep {
  readonly parents: readonly (RecoveredReplica & { readonly final: Position })[];
  /** Those of its children whose client sessions are still to be made from those of the parents (S8). */
  readonly children: readonly RangeId[];
}

/** R9: no replica of `range` is made on this disk with an inc at or below this one. */
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

/** The effect of one entry on one key. A null `value` deletes the key. The revision is the seq of the entry. */
export interface RowChange {
  readonly key: Bytes;
  readonly value: Bytes | null;
}

/**
 * A row of a replica's client-session table (R13). The storage does not look into `record`. The row with the empty
 * client id belongs to the table as a whole.
 */
export interface SessionRow {
  readonly clientId: Bytes;
  readonly record: Bytes;
}

/** `record` is null where the client was evicted from the table. */
export interface SessionChange {
  readonly clientId: Bytes;
  readonly record: Bytes | null;
}

/** The client-session table in memory. The code that applies entries keeps it. */
export interface SessionTable {
  /** The changes since the last call, in order. If there are several for one client, the last one counts. */
  takeChanges(): readonly SessionChange[];
  /** All rows of the table as it is now, in no particular order. */
  rows(): readonly SessionRow[];
}

export interface PageRequest {
  readonly limitRows: number;
  readonly limitBytes: number;
  readonly reverse: boolean;
  /** Return only so many bytes of each value; null: complete values. */
  readonly valueBytesMax: number | null;
  /** Return the number of rows and no rows. limitRows and limitBytes still bound the work. */
  readonly countOnly: boolean;
}

/** A page of rows, all read at one moment of the state. */
export interface ScanPage {
  readonly rows: EncodedRows;
  readonly count: number;
  /**
   * How far the page is complete. Forward: all of [start, bound) was read. Reverse: all of [bound, end). Never outside
   * the bounds of the request.
   */
  readonly bound: Bytes | null;
  /** The state that was read had applied the log through this seq. */
  readonly applied: Seq;
}

/**
 * Reads the rows of one range at one durable position, for a learner. The log after that position is kept until
 * close(), within a bound.
 */
export interface SnapshotReader {
  readonly meta: ReplicaMeta;
  readonly position: Position;
  /** The next rows in key order, about `bytesMax` bytes. Null after the last. */
  next(bytesMax: number): Promise<readonly Row[] | null>;
  /** All rows of the client-session table, of the same moment. */
  sessions(): Promise<readonly SessionRow[]>;
  close(): void;
}

/**
 * Rows and client sessions of one replica, exactly as of the seq that it had applied when the view was opened. Later
 * changes and write-behind do not show. Each stored row is verified as it is read. An open view keeps old versions of
 * rows alive: read it to its end, or close it.
 */
export interface ReplicaView {
  readonly meta: ReplicaMeta;
  readonly position: Position;
  /** All rows of the client-session table, in no particular order. */
  readonly sessions: readonly SessionRow[];
  /**
   * The next rows in key order, about `bytesMax` bytes, possibly none. Null after the last. Throws CorruptDataError.
   */
  next(bytesMax: number): Promise<readonly Row[] | null>;
  close(): void;
}

/** Installs a snapshot. The replica is void from `beginSnapshot` until `finish` has resolved. */
export interface SnapshotWriter {
  add(rows: readonly Row[]): Promise<void>;
  /**
   * Resolves when all is durable: rows, sessions, and `applied` and the base of the log at the position of the
   * snapshot. epochSeen is kept.
   */
  finish(sessions: readonly SessionRow[]): Promise<void>;
  /** Ends the installation. The replica stays void. */
  abandon(): void;
}

/** The rows of a span in the state store. */
export interface MeasuredSpan {
  /** Of keys and values, about. */
  readonly bytes: number;
  /** The key that halves the bytes, about, above the first one of the span. Null: there are fewer than two rows, or nearly so. */
  readonly middleKey: Bytes | null;
}

export interface MeasuredRange extends MeasuredSpan {
  /** What was written to the state store when it was measured: {@link StorageState.appliedBytes} through then. */
  readonly appliedBytes: number;
}

/** How long the log takes to be synced, in the last ten seconds, ms. */
export interface SyncTimes {
  readonly meanMs: number;
  readonly p99Ms: number;
}

export interface StorageStats {
  readonly logBytes: number;
  /** Bytes of the log that were written again so that their old segments could be deleted (retention.ts). */
  readonly carriedBytes: number;
  readonly overlayBytes: number;
  /** Reads of single rows below the overlay: a hit is answered from memory, a miss by the state store. */
  readonly rowCacheBytes: number;
  readonly rowCacheHits: number;
  readonly rowCacheMisses: number;
  /**
   * Scans below the overlay: leaves in memory, how many of them scans used, and how often a scan had to read the state
   * store.
   */
  readonly leafCacheBytes: number;
  readonly leafCacheHits: number;
  readonly leafCacheMisses: number;
  readonly syncs: number;
  readonly entries: number;
}

/** Which epoch each seq of a log has. It is in memory and answers all that R3 asks of a log. */
export interface LogIndex {
  /** The log holds entries after this position. */
  readonly base: Position;
  readonly last: Position;
  readonly lastSeq: Seq;
  /** The epoch of the entry at `seq`, or of the base. Undefined below the base and after the end. */
  epochAt(seq: Seq): Epoch | undefined;
  has(position: Position): boolean;
  /**
   * The newest position whose seq is at most that of `limit` and whose epoch is at most that of `limit`. The base if
   * there is none.
   */
  newestAtOrBefore(limit: Position): Position;
}

/** The log of one replica. Each call takes effect in memory at once, in call order, and is durable with its group. */
export interface ReplicaLog extends LogIndex {
  /**
   * The number of the group that collects records now. Read it after logging: what was logged is durable once a group
   * with this number or a higher one is synced.
   */
  readonly gathering: number;
  setEpochSeen(epoch: Epoch): void;
  /** Appends entries to the log. The first one has the seq after the last one of the log. Their payloads are copied. */
  append(entries: readonly LogEntry[]): void;
  /** Removes the entries after `lastKept`, which is at or above what is committed. */
  truncate(lastKept: Seq): void;
  /**
   * Entries from `from` on, from memory or disk: at most `bytesMax` bytes of payload, but at least one entry if there
   * is one. Null where the log no longer reaches back to `from`.
   */
  read(from: Seq, bytesMax: number): readonly LogEntry[] | null;
  /** A hint that a follower may still need the entries after this seq. The retention bound overrides it. */
  retainAfter(seq: Seq): void;
}

/** The identity of a data directory. */
export interface StorageIdentity {
  readonly nodeId: NodeId;
  /** Null until the node has joined a cluster. */
  readonly clusterId: string | null;
  joinCluster(clusterId: string): Promise<void>;
  /** The generations of the directory, as they are on the disk (lineage.ts). */
  readonly lineage: Lineage;
  /**
   * Raises the generation by one, durably, in the name of this process. Rejects with the error of the disk; then
   * nothing has changed.
   */
  raiseGeneration(writer: string): Promise<void>;
  /** The nodes that this directory was before it was set aside, the oldest first, as their last node.json has them. */
  readonly former: readonly NodeFile[];
}

/** The log that all replicas share. */
export interface StorageLog {
  /** See ReplicaLog. */
  readonly gathering: number;
  /** `listener` is called for each synced group, in order. */
  onSynced(listener: (group: number) => void): void;
  /**
   * `listener` is called once, when a write or a sync has failed (R12). The process must stop. Nothing is acknowledged
   * after it.
   */
  onFailure(listener: (error: Error) => void): void;
  /**
   * The time (Env.now(), ms) since which the log waits for the disk to write or sync a group. Null where it does not
   * wait.
   */
  readonly waitingSince: number | null;
  /** Null where nothing was synced lately. */
  readonly syncTimes: SyncTimes | null;
  /** The disk has no space for more log: refuse new writes with OVERLOADED. The log retries until there is space. */
  readonly full: boolean;
  /**
   * R12: marks the data directory as damaged, durably, and then fails the log (`onFailure`), so that the process stops.
   * The next start sets the directory aside.
   */
  reportDamage(reason: string): void;
}

/** The applied rows of all replicas. */
export interface StorageState {
  /** The row, with every applied change. Its bytes must not be modified. */
  get(namespaceId: NamespaceId, key: Bytes): Row | undefined;
  /**
   * Applies one committed entry. Entries are applied in seq order without gaps. The changes are visible to reads at
   * once, and are written to the state store later.
   */
  apply(range: RangeId, position: Position, changes: readonly RowChange[]): void;
  /**
   * Attaches the client-session table of the replica. `table.takeChanges` is called in the turn in which a batch with
   * entries of this replica is cut, so the table must be up to date whenever `apply` is called. Returns the rows found
   * on the disk; a second call returns none.
   */
  attachSessions(range: RangeId, table: SessionTable): readonly SessionRow[];
  /** Too many changes wait to be written to the state store: refuse new writes with OVERLOADED. */
  readonly saturated: boolean;
  /**
   * One page of `[start, end)` of the range's namespace. The caller has clipped the bounds to the range. Rejects with
   * NOT_OWNER if the replica goes away meanwhile, with BEHIND if a snapshot replaces its rows.
   */
  scan(range: RangeId, bounds: KeyRange, request: PageRequest): Promise<ScanPage>;
  /** The bytes of keys and values that were applied to the range since this process has its replica, also of rows written again. */
  appliedBytes(range: RangeId): number;
  /**
   * Measures ranges without reading all of their rows. Those that have no replica here any more, or a void one, are left out. Rows that
   * were applied and not yet written do not count.
   */
  measure(ranges: readonly RangeId[]): Promise<ReadonlyMap<RangeId, MeasuredRange>>;
  /** The state right after an entry, if it is called in the turn in which that entry was applied. */
  openView(range: RangeId): ReplicaView;
  /**
   * Verifies the files of the state store while reads and writes go on. `turn` is awaited before each piece of `bytes`
   * bytes is read. Resolves with the bytes verified. Rejects with CorruptDataError, which has then been reported.
   */
  verifyState(turn: (bytes: number) => Promise<void>): Promise<number>;
}

/** Creates, replaces and removes replicas. */
export interface StorageReplicas {
  readonly recovered: readonly RecoveredReplica[];
  readonly tombstones: ReadonlyMap<RangeId, Tombstone>;
  /**
   * Another range on this node, or one that is being wiped, whose keys overlap those of `meta`: no replica can be made
   * beside it. Null if there is none.
   */
  overlapping(meta: ReplicaMeta): RangeId | null;
  /** Makes an empty replica whose log starts after `base`. If it is void, it holds nothing until it has installed a snapshot. */
  createReplica(meta: ReplicaMeta, base: Position, epochSeen: Epoch, isVoid?: boolean): void;
  /**
   * S6: one record drops the parents, with tombstones, and makes the children: with an empty log after the base, and with the rows as
   * they are. Attach the children's session tables in the same turn; their first `takeChanges` must return all rows. Throws
   * AssertionError unless every parent is settled.
   * @returns the children, in the order of `step.children`
   */
  replace(step: ReplacementStep): readonly RecoveredReplica[];
  /** What a start finds. Empty once settle() has resolved. */
  readonly unsettled: readonly UnsettledStep[];
  /** Whether this replica still relies on the logs of its parents. */
  isSettled(range: RangeId): boolean;
  /**
   * Writes the state of all unsettled children to the state store, and ends their parents. Snapshots and wipes wait for it. Resolves
   * when all that is unsettled now is settled.
   */
  settle(): Promise<void>;
  /** The log of the replica that the range has on this node now. */
  logOf(range: RangeId): ReplicaLog;
  openSnapshot(range: RangeId): Promise<SnapshotReader>;
  /**
   * Makes the replica void, durably, then clears its rows, then resolves. `bounds` become the bounds of the replica.
   */
  beginSnapshot(range: RangeId, bounds: KeyRange, position: Position): Promise<SnapshotWriter>;
  /** R9: writes a durable tombstone, then clears the rows. If this is interrupted, the next start resumes it. */
  wipe(range: RangeId): Promise<void>;
}

/** All that a node keeps on disk. Each caller takes only the part that it needs. */
export interface Storage extends StorageIdentity, StorageLog, StorageState, StorageReplicas {
  readonly stats: StorageStats;
  /** Syncs what is logged, writes the state, and releases the directory. */
  close(): Promise<void>;
}
