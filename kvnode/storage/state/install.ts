// Installs the rows of a snapshot, or clears the rows of a replica that is wiped. Both take several steps and must
// survive a crash between any two. First a durable record says that the replica is void, or that its rows are to be
// cleared. Then the rows are cleared or written. A last record says that it is done. The steps of one range run one
// after the other.

import { assert } from '../../../common/base/assert.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { origin, type Position, type RangeId } from '../../../common/model/ids.ts';
import { type KeyRange, sameBounds } from '../../../common/model/key-range.ts';
import {
  encodeInstalled,
  encodeSpan,
  encodeTombstone,
  type Span,
  type TombstoneBody,
} from '../log/bodies.ts';
import type { LoggedReplica, LoggedReplicas } from '../log/logged-replicas.ts';
import { RECORD_TYPES } from '../log/record.ts';
import type { SharedLog } from '../log/shared-log.ts';
import type { Settlement } from '../settlement.ts';
import type { Row, SessionRow, SnapshotWriter } from '../storage.ts';
import type { AppliedState } from './applied-state.ts';
import type { CheckedEngine } from './checked-engine.ts';
import { addApplied, addRows, addSessions } from './snapshot.ts';
import { appliedKey } from './stored-keys.ts';

export interface InstallParts {
  readonly log: SharedLog;
  readonly replicas: LoggedReplicas;
  readonly state: AppliedState;
  readonly engine: CheckedEngine;
  readonly settlement: Settlement;
}

export class InstallQueue {
  readonly #log: SharedLog;
  readonly #replicas: LoggedReplicas;
  readonly #state: AppliedState;
  readonly #engine: CheckedEngine;
  readonly #settlement: Settlement;
  /** The writer of each range that may still add rows. */
  readonly #writers = new Map<RangeId, InstallWriter>();
  /** The last step of each range. */
  readonly #queues = new Map<RangeId, Promise<unknown>>();

  constructor(parts: InstallParts) {
    this.#log = parts.log;
    this.#replicas = parts.replicas;
    this.#state = parts.state;
    this.#engine = parts.engine;
    this.#settlement = parts.settlement;
  }

  async begin(replica: LoggedReplica, bounds: KeyRange, position: Position): Promise<SnapshotWriter> {
    // Otherwise a start would apply the parents' logs to rows that are cleared here.
    if (!this.#settlement.isSettled(replica.range)) await this.#settlement.settle();
    const span: Span = { namespaceId: replica.span.namespaceId, start: bounds.start, end: bounds.end };
    this.#replicas.assertFree(span, replica.range);
    const writer = new InstallWriter(this, replica, position);
    this.#writers.set(replica.range, writer);
    if (!replica.void) this.#makeVoid(replica, replica.span);
    return this.#enqueue(replica.range, async () => {
      this.#checkCurrent(writer);
      await this.#clearSpan(replica.range, replica.span);
      this.#checkCurrent(writer);
      if (!sameBounds(span, replica.span)) {
        // The log may replace the old span only now that its rows are cleared.
        this.#makeVoid(replica, span);
        await this.#clearSpan(replica.range, span);
      }
      return writer;
    });
  }

  #makeVoid(replica: LoggedReplica, span: Span): void {
    this.#log.put(RECORD_TYPES.void, replica.range, origin, encodeSpan(span));
    replica.makeVoid(span);
  }

  /** Syncs what is logged, writes the overlay to the store, and then clears the span. */
  async #clearSpan(range: RangeId, span: Span): Promise<void> {
    await this.#log.flushed();
    await this.#state.flush();
    await this.#guard(this.#state.clear(range, span));
  }

  /**
   * The rows are not durable yet: the replica is void until `finish`. After a power cut the next snapshot clears what
   * is left of them.
   */
  add(writer: InstallWriter, rows: readonly Row[]): Promise<void> {
    return this.#enqueue(writer.replica.range, async () => {
      this.#checkCurrent(writer);
      const batch = this.#engine.batch();
      addRows(batch, writer.replica.span, rows);
      this.#state.slowDownFlushes();
      await this.#guard(batch.writeUnsynced());
    });
  }

  finish(writer: InstallWriter, sessions: readonly SessionRow[]): Promise<void> {
    const { replica, position } = writer;
    return this.#enqueue(replica.range, async () => {
      this.#checkCurrent(writer);
      await this.#guard(this.#engine.flush());
      const batch = this.#engine.batch();
      addSessions(batch, replica, sessions);
      addApplied(batch, replica, position);
      await this.#guard(batch.write());
      this.#state.clearCaches();
      this.#checkCurrent(writer);
      this.#writers.delete(replica.range);
      const installed = encodeInstalled(this.#engine.newestBatch);
      this.#log.put(RECORD_TYPES.installed, replica.range, position, installed);
      replica.install(position);
      await this.#log.flushed();
    });
  }

  abandon(writer: InstallWriter): void {
    if (this.#writers.get(writer.replica.range) === writer) this.#writers.delete(writer.replica.range);
  }

  async wipe(replica: LoggedReplica): Promise<void> {
    const { range, inc, epochSeen, span } = replica;
    if (!this.#settlement.isSettled(range)) await this.#settlement.settle();
    this.#writers.delete(range);
    this.#recordTombstone(range, { inc, epochSeen, pending: span, stateBatch: 0 });
    return this.#enqueue(range, () => this.#clearWiped(range));
  }

  /** Resumes interrupted wipes. */
  async resume(): Promise<void> {
    for (const { range, pending } of [...this.#replicas.tombstones.values()]) {
      if (pending !== null) await this.#enqueue(range, () => this.#clearWiped(range));
    }
  }

  async #clearWiped(range: RangeId): Promise<void> {
    const tombstone = this.#replicas.tombstones.get(range);
    assert(tombstone !== undefined && tombstone.pending !== null, 'a tombstone with rows to clear');
    await this.#clearSpan(range, tombstone.pending);
    const batch = this.#engine.batch();
    batch.delete(appliedKey(range));
    await this.#guard(batch.write());
    const { inc, epochSeen } = tombstone;
    this.#recordTombstone(range, { inc, epochSeen, pending: null, stateBatch: this.#engine.newestBatch });
  }

  #recordTombstone(range: RangeId, body: TombstoneBody): void {
    this.#log.put(RECORD_TYPES.tombstone, range, origin, encodeTombstone(body));
    this.#replicas.recordTombstone(range, body);
  }

  #checkCurrent(writer: InstallWriter): void {
    if (this.#writers.get(writer.replica.range) === writer) return;
    throw new RangekeeperError('CLOSED', `the snapshot for range ${writer.replica.range} was abandoned`);
  }

  #enqueue<T>(range: RangeId, task: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(range) ?? Promise.resolve();
    const step = before.then(task, task);
    this.#queues.set(range, step);
    const remove = () => {
      if (this.#queues.get(range) === step) this.#queues.delete(range);
    };
    step.then(remove, remove);
    return step;
  }

  /** If the store cannot write, the disk has failed (R12). */
  async #guard(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#log.fail(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }
}

class InstallWriter implements SnapshotWriter {
  readonly replica: LoggedReplica;
  readonly position: Position;
  readonly #queue: InstallQueue;

  constructor(queue: InstallQueue, replica: LoggedReplica, position: Position) {
    this.#queue = queue;
    this.replica = replica;
    this.position = position;
  }

  add(rows: readonly Row[]): Promise<void> {
    return this.#queue.add(this, rows);
  }

  finish(sessions: readonly SessionRow[]): Promise<void> {
    return this.#queue.finish(this, sessions);
  }

  abandon(): void {
    this.#queue.abandon(this);
  }
}
