// A replica's rows taken in from a snapshot, or cleared for good. Both take many steps and must survive a crash between
// any two: a durable record first says what the rows are worth (nothing: the replica is void; or: they are to go), then
// they are cleared, and a last record says that it is done. One step at a time per range.

import { assert } from '../../../common/base/assert.ts';
import { equalBytes } from '../../../common/base/bytes.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { origin, type Position, type RangeId } from '../../../common/model/ids.ts';
import { compareEnds, type KeyRange } from '../../../common/model/key-range.ts';
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
import type { Row, SessionRow, SnapshotWriter } from '../storage.ts';
import type { AppliedState } from './applied-state.ts';
import type { CheckedEngine } from './checked-engine.ts';
import { addApplied, addRows, addSessions } from './snapshot.ts';
import { appliedKey } from './stored-keys.ts';

interface InstallParts {
  readonly log: SharedLog;
  readonly replicas: LoggedReplicas;
  readonly state: AppliedState;
  readonly engine: CheckedEngine;
}

export class InstallQueue {
  readonly #log: SharedLog;
  readonly #replicas: LoggedReplicas;
  readonly #state: AppliedState;
  readonly #engine: CheckedEngine;
  /** The writer that may still add rows to a range. */
  readonly #writers = new Map<RangeId, InstallWriter>();
  /** The last step of each range. */
  readonly #queues = new Map<RangeId, Promise<unknown>>();

  constructor(parts: InstallParts) {
    this.#log = parts.log;
    this.#replicas = parts.replicas;
    this.#state = parts.state;
    this.#engine = parts.engine;
  }

  begin(replica: LoggedReplica, bounds: KeyRange, position: Position): Promise<SnapshotWriter> {
    const span: Span = { namespaceId: replica.span.namespaceId, start: bounds.start, end: bounds.end };
    this.#replicas.assertFree(span, replica.range);
    const writer = new InstallWriter(this, replica, position);
    this.#writers.set(replica.range, writer);
    if (!replica.void) this.#makeVoid(replica, replica.span);
    return this.#enqueue(replica.range, async () => {
      this.#checkCurrent(writer);
      await this.#clearSpan(replica.range, replica.span);
      this.#checkCurrent(writer);
      if (!sameSpan(span, replica.span)) {
        // Only now that nothing is left in the old span may the log forget it.
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

  /** What is logged is synced, then the span is emptied, of what is in the overlay too. */
  async #clearSpan(range: RangeId, span: Span): Promise<void> {
    await this.#log.flushed();
    await this.#state.flush();
    await this.#guard(this.#state.clear(range, span));
  }

  /** Not yet durable: the replica is void until `finish`, and the next snapshot clears what a power cut has left of them. */
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

  wipe(replica: LoggedReplica): Promise<void> {
    const { range, inc, epochSeen, span } = replica;
    this.#writers.delete(range);
    this.#recordTombstone(range, { inc, epochSeen, pending: span, stateBatch: 0 });
    return this.#enqueue(range, () => this.#clearWiped(range));
  }

  /** Goes on with what was interrupted. */
  async resume(): Promise<void> {
    for (const { range, pending } of [...this.#replicas.tombstones.values()]) {
      if (pending !== null) await this.#enqueue(range, () => this.#clearWiped(range));
    }
  }

  async #clearWiped(range: RangeId): Promise<void> {
    const tombstone = this.#replicas.tombstones.get(range);
    assert(tombstone !== undefined && tombstone.pending !== null, 'the replica is buried');
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
    throw new RangekeeperError('CLOSED', `the snapshot for range ${writer.replica.range} was given up`);
  }

  #enqueue<T>(range: RangeId, task: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(range) ?? Promise.resolve();
    const step = before.then(task, task);
    this.#queues.set(range, step);
    const forget = () => {
      if (this.#queues.get(range) === step) this.#queues.delete(range);
    };
    step.then(forget, forget);
    return step;
  }

  /** A store that cannot write is a disk that failed (R12). */
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

function sameSpan(a: Span, b: Span): boolean {
  return equalBytes(a.start, b.start) && compareEnds(a.end, b.end) === 0;
}
