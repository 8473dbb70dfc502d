// The storage of a node: the shared log, the replicas that the log describes, and the state applied from it. Each
// change is logged here first and then takes effect.

import { assert } from '../../common/base/assert.ts';
import type { Bytes } from '../../common/base/bytes.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import type { Epoch, NamespaceId, NodeId, Position, RangeId } from '../../common/model/ids.ts';
import type { KeyRange } from '../../common/model/key-range.ts';
import type { DamageReport } from './damage.ts';
import { CorruptDataError } from './data-errors.ts';
import type { DataDirectoryLock } from './directory-lock.ts';
import { type Lineage, withNextGeneration } from './lineage.ts';
import { encodeReplica, type ReplicaBody } from './log/bodies.ts';
import type { LoggedReplica, LoggedReplicas } from './log/logged-replicas.ts';
import { RECORD_TYPES } from './log/record.ts';
import { StoredReplicaLog } from './log/replica-log.ts';
import type { Retention } from './log/retention.ts';
import type { Segments } from './log/segments.ts';
import type { SharedLog } from './log/shared-log.ts';
import type { NodeFile } from './node-file.ts';
import { Settlement } from './settlement.ts';
import type { AppliedState } from './state/applied-state.ts';
import type { CheckedEngine } from './state/checked-engine.ts';
import { InstallQueue } from './state/install.ts';
import { measureSpan } from './state/measure.ts';
import type { Removal } from './state/removal.ts';
import { StoredSnapshot } from './state/snapshot.ts';
import { StateView } from './state/view.ts';
import type {
  MeasuredRange,
  PageRequest,
  RecoveredReplica,
  ReplacementStep,
  ReplicaLog,
  ReplicaMeta,
  ReplicaView,
  Row,
  RowChange,
  ScanPage,
  SessionRow,
  SessionTable,
  SnapshotReader,
  SnapshotWriter,
  Storage,
  StorageStats,
  SyncTimes,
  Tombstone,
  UnsettledStep,
} from './storage.ts';

export interface NodeStorageParts {
  readonly file: NodeFile;
  /** The nodes that this directory was before. */
  readonly former: readonly NodeFile[];
  readonly saveFile: (file: NodeFile) => Promise<void>;
  readonly log: SharedLog;
  readonly segments: Segments;
  readonly replicas: LoggedReplicas;
  readonly retention: Retention;
  readonly state: AppliedState;
  readonly engine: CheckedEngine;
  readonly damage: DamageReport;
  readonly removal: Removal;
  /** The lock of the data directory. */
  readonly lock: DataDirectoryLock;
}

export class NodeStorage implements Storage {
  readonly recovered: readonly RecoveredReplica[];
  readonly #parts: NodeStorageParts;
  readonly #log: SharedLog;
  readonly #replicas: LoggedReplicas;
  readonly #state: AppliedState;
  readonly #settlement: Settlement;
  readonly #installs: InstallQueue;
  #file: NodeFile;
  /** The last write of node.json. Writes follow one another, and none comes after close(). */
  #saving: Promise<void> = Promise.resolve();
  #failed = false;
  #closing: Promise<void> | null = null;

  constructor(parts: NodeStorageParts) {
    this.#parts = parts;
    this.#file = parts.file;
    this.#log = parts.log;
    this.#replicas = parts.replicas;
    this.#state = parts.state;
    const settlement = new Settlement(parts);
    this.#settlement = settlement;
    this.#installs = new InstallQueue({ ...parts, settlement });
    this.recovered = [...parts.replicas.byRange.values()].map((replica) => replica.recovered);
    parts.log.onFailure(() => {
      this.#failed = true;
    });
  }

  get nodeId(): NodeId {
    return this.#file.nodeId;
  }

  get clusterId(): string | null {
    return this.#file.clusterId;
  }

  async joinCluster(clusterId: string): Promise<void> {
    const known = this.#file.clusterId;
    if (known === clusterId) return;
    if (known !== null) {
      throw new RangekeeperError(
        'WRONG_CLUSTER',
        `this node belongs to cluster ${known}, not to ${clusterId}`,
      );
    }
    await this.#changeFile((file) => ({ ...file, clusterId }));
  }

  get lineage(): Lineage {
    return this.#file.lineage;
  }

  get former(): readonly NodeFile[] {
    return this.#parts.former;
  }

  raiseGeneration(writer: string): Promise<void> {
    return this.#changeFile((file) => ({
      ...file,
      lineage: withNextGeneration(file.lineage, writer),
      logGroup: this.#log.synced,
    }));
  }

  #changeFile(change: (file: NodeFile) => NodeFile): Promise<void> {
    const changed = this.#saving.then(async () => {
      assert(this.#closing === null, 'node.json is not written after close()');
      const file = change(this.#file);
      await this.#parts.saveFile(file);
      this.#file = file;
    });
    this.#saving = changed.catch(() => {});
    return changed;
  }

  get tombstones(): ReadonlyMap<RangeId, Tombstone> {
    return this.#replicas.tombstones;
  }

  // ---- the log -------------------------------------------------------------------------------------------------

  get gathering(): number {
    return this.#log.gathering;
  }

  onSynced(listener: (group: number) => void): void {
    this.#log.onSynced(listener);
  }

  onFailure(listener: (error: Error) => void): void {
    this.#log.onFailure(listener);
  }

  overlapping({ range, namespaceId, start, end }: ReplicaMeta): RangeId | null {
    return this.#replicas.overlapping({ namespaceId, start, end }, [range]);
  }

  createReplica(meta: ReplicaMeta, base: Position, epochSeen: Epoch, isVoid = false): void {
    const { namespaceId, start, end } = meta;
    const span = { namespaceId, start, end };
    const body: ReplicaBody = {
      inc: meta.inc,
      epochSeen,
      base,
      last: base,
      committed: base.seq,
      void: isVoid,
      stateRequired: false,
      namespace: meta.namespace,
      span,
      leaving: null,
    };
    this.#replicas.assertNew(meta.range, body);
    this.#log.put(RECORD_TYPES.create, meta.range, base, encodeReplica(body));
    this.#replicas.create(meta.range, body);
  }

  logOf(range: RangeId): ReplicaLog {
    return new StoredReplicaLog(this.#log, this.#replicas.withLog(range));
  }

  get waitingSince(): number | null {
    return this.#log.waitingSince;
  }

  get syncTimes(): SyncTimes | null {
    return this.#log.syncTimes;
  }

  get full(): boolean {
    return this.#parts.segments.full;
  }

  // ---- the state -----------------------------------------------------------------------------------------------

  get(namespaceId: NamespaceId, key: Bytes): Row | undefined {
    return this.#state.get(namespaceId, key);
  }

  apply(range: RangeId, position: Position, changes: readonly RowChange[]): void {
    const replica = this.#replicas.withLog(range);
    assert(!replica.void, `the replica of range ${range} is void`);
    assert(position.seq === replica.applied.seq + 1, 'entries are applied in order, without gaps');
    assert(position.seq <= replica.log.lastSeq, 'what is applied is in the log');
    this.#state.apply(replica, position, changes);
  }

  attachSessions(range: RangeId, table: SessionTable): readonly SessionRow[] {
    const replica = this.#replicas.withLog(range);
    const found = replica.recoveredSessions;
    replica.sessions = table;
    replica.recoveredSessions = [];
    this.#settlement.attached(replica);
    return found;
  }

  get saturated(): boolean {
    return this.#state.saturated;
  }

  scan(range: RangeId, bounds: KeyRange, request: PageRequest): Promise<ScanPage> {
    const replica = this.#nonVoid(range);
    const { timesVoid } = replica;
    return this.#state.scan(replica.span.namespaceId, bounds, request, (page) => {
      if (this.#replicas.byRange.get(range) !== replica) throw notHere(range);
      if (replica.timesVoid !== timesVoid)
        throw new RangekeeperError('BEHIND', `a snapshot has replaced the rows of range ${range} meanwhile`);
      return { ...page, applied: replica.applied.seq };
    });
  }

  appliedBytes(range: RangeId): number {
    return this.#replicas.byRange.get(range)?.appliedBytes ?? 0;
  }

  async measure(ranges: readonly RangeId[]): Promise<ReadonlyMap<RangeId, MeasuredRange>> {
    const { engine } = this.#parts;
    const measured = new Map<RangeId, MeasuredRange>();
    let flushed: Promise<void> | null = null;
    const flush = (): Promise<void> => {
      flushed ??= engine.flush();
      return flushed;
    };
    for (const range of ranges) {
      const replica = this.#replicas.byRange.get(range);
      if (replica === undefined || replica.void || this.#closing !== null) continue;
      const { storedBytes, span } = replica;
      const found = await measureSpan(engine, span.namespaceId, span, flush);
      measured.set(range, { ...found, appliedBytes: storedBytes });
    }
    return measured;
  }

  // ---- replicas as a whole ---------------------------------------------------------------------------------------

  replace(step: ReplacementStep): readonly RecoveredReplica[] {
    return this.#settlement.replace(step);
  }

  get unsettled(): readonly UnsettledStep[] {
    return this.#settlement.unsettled;
  }

  isSettled(range: RangeId): boolean {
    return this.#replicas.isSettled(range);
  }

  settle(): Promise<void> {
    return this.#settlement.settle();
  }

  /** Rows that parents applied last may not be in the state store yet. */
  async openSnapshot(range: RangeId): Promise<SnapshotReader> {
    const replica = this.#nonVoid(range);
    if (!this.isSettled(range)) {
      await this.settle();
      if (this.#replicas.byRange.get(range) !== replica || replica.void) throw notHere(range);
    }
    return new StoredSnapshot(this.#parts.engine, replica, replica.appliedSynced);
  }

  openView(range: RangeId): ReplicaView {
    const replica = this.#nonVoid(range);
    return new StateView(this.#state.viewParts(replica.span.namespaceId), replica);
  }

  beginSnapshot(range: RangeId, bounds: KeyRange, position: Position): Promise<SnapshotWriter> {
    return this.#installs.begin(this.#replicas.get(range), bounds, position);
  }

  wipe(range: RangeId): Promise<void> {
    return this.#installs.wipe(this.#replicas.get(range));
  }

  // ---- damage --------------------------------------------------------------------------------------------------

  verifyState(turn: (bytes: number) => Promise<void>): Promise<number> {
    return this.#parts.engine.verify(turn);
  }

  reportDamage(reason: string): void {
    this.#parts.damage.report(new CorruptDataError(reason));
  }

  get stats(): StorageStats {
    return {
      logBytes: this.#parts.segments.bytes,
      carriedBytes: this.#parts.retention.carriedBytes,
      overlayBytes: this.#state.overlayBytes,
      rowCacheBytes: this.#state.rowCache.bytes,
      rowCacheHits: this.#state.rowCache.hits,
      rowCacheMisses: this.#state.rowCache.misses,
      leafCacheBytes: this.#state.leafCache.bytes,
      leafCacheHits: this.#state.leafCache.hits,
      leafCacheMisses: this.#state.leafCache.misses,
      syncs: this.#log.groups,
      entries: this.#log.entries,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#parts.retention.close();
    try {
      // On a full disk this would never end. What is not synced was never acknowledged.
      if (!this.#failed && !this.full) {
        await this.#log.flushed();
        await this.#settlement.idle;
        await this.#state.flush();
      }
    } finally {
      this.#state.close();
      await this.#saving;
      this.#parts.segments.stopWaiting();
      await this.#log.stopped();
      await this.#parts.segments.close();
      await this.#parts.engine.close();
      await this.#parts.lock.release();
    }
  }

  #nonVoid(range: RangeId): LoggedReplica {
    const replica = this.#replicas.get(range);
    assert(!replica.void, `the replica of range ${range} is void`);
    return replica;
  }
}

function notHere(range: RangeId): RangekeeperError {
  return new RangekeeperError('NOT_OWNER', `the replica of range ${range} is not on this node any more`);
}
