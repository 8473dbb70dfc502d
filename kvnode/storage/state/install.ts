// Installs the rows of a snapshot, or clears the rows of a replica that is wiped. Both take several steps and must
// survive a crash between any two. First a durable record says that the replica is void, or that its rows are to be
// cleared. Then the rows are cleared or written. A last record says that it is done. The steps of one range run one
// after the other. The first record is logged at once, unless a replacement in these keys has to be settled before.

import { assert } from '../../../common/base/assert.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { origin, type Position, type RangeId } from '../../../common/model/ids.ts';
import { type KeyRange, sameBounds } from '../../../common/model/key-range.ts';
import { encodeInstalled, encodeSpan, type Span } from '../log/bodies.ts';
import type { LoggedReplica, LoggedReplicas } from '../log/logged-replicas.ts';
import { RECORD_TYPES } from '../log/record.ts';
import type { SharedLog } from '../log/shared-log.ts';
import type { Settlement } from '../settlement.ts';
import type { Row, SessionRow, SnapshotWriter } from '../storage.ts';
import type { AppliedState } from './applied-state.ts';
import type { CheckedEngine } from './checked-engine.ts';
import type { Removal } from './removal.ts';
import { addApplied, addRows, addSessions } from './snapshot.ts';

export interface InstallParts {
  readonly log: SharedLog;
  readonly replicas: LoggedReplicas;
  readonly state: AppliedState;
  readonly engine: CheckedEngine;
  readonly settlement: Settlement;
  readonly removal: Removal;
}

export class InstallQueue {
  readonly #log: SharedLog;
  readonly #replicas: LoggedReplicas;
  readonly #state: AppliedState;
  readonly #engine: CheckedEngine;
  readonly #settlement: Settlement;
  readonly #removal: Removal;
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
    this.#removal = parts.removal;
  }

  async begin(replica: LoggedReplica, bounds: KeyRange, position: Position): Promise<SnapshotWriter> {
    const span: Span = { namespaceId: replica.span.namespaceId, start: bounds.start, end: bounds.end };
    if (this.#mustSettle(replica.span, span)) await this.#settlement.settle();
    if (!this.#isHere(replica)) throw abandoned(replica.range);
    this.#replicas.assertFree(span, replica.range);
    const writer = new InstallWriter(this, replica, position);
    this.#writers.set(replica.range, writer);
    if (!replica.void) this.#makeVoid(replica, replica.span);
    return this.#enqueue(replica.range, async () => {
      this.#checkCurrent(writer);
      await this.#removal.clear(replica.range, replica.span);
      this.#checkCurrent(writer);
      if (!sameBounds(span, replica.span)) {
        // The log may replace the old span only now that its rows are cleared.
        this.#makeVoid(replica, span);
        await this.#removal.clear(replica.range, span);
      }
      return writer;
    });
  }

  #makeVoid(replica: LoggedReplica, span: Span): void {
    this.#log.put(RECORD_TYPES.void, replica.range, origin, encodeSpan(span));
    replica.makeVoid(span);
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
      await this.#removal.guard(batch.writeUnsynced());
    });
  }

  finish(writer: InstallWriter, sessions: readonly SessionRow[]): Promise<void> {
    const { replica, position } = writer;
    return this.#enqueue(replica.range, async () => {
      this.#checkCurrent(writer);
      await this.#removal.guard(this.#engine.flush());
      const batch = this.#engine.batch();
      addSessions(batch, replica, sessions);
      addApplied(batch, replica, position);
      await this.#removal.guard(batch.write());
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
    const { range } = replica;
    if (this.#mustSettle(replica.span)) await this.#settlement.settle();
    assert(this.#isHere(replica), `range ${range} is wiped once`);
    this.#writers.delete(range);
    this.#removal.begin(replica, replica.span);
    return this.#enqueue(range, () => this.#removal.finish(range));
  }

  /** A start would apply the logs of leaving replicas to rows that were cleared, or that came by a snapshot. */
  #mustSettle(...spans: readonly Span[]): boolean {
    return !spans.every((span) => this.#replicas.isSettledIn(span));
  }

  #isHere(replica: LoggedReplica): boolean {
    return this.#replicas.byRange.get(replica.range) === replica;
  }

  #checkCurrent(writer: InstallWriter): void {
    if (this.#writers.get(writer.replica.range) === writer) return;
    throw abandoned(writer.replica.range);
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
}

function abandoned(range: RangeId): RangekeeperError {
  return new RangekeeperError('CLOSED', `the snapshot for range ${range} was abandoned`);
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
