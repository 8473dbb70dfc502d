// The replicas on this node, as the log describes them: the effect of each record, the same when it is logged and when
// a start replays it, and the checkpoint that lets older segments be deleted.

import { assert, never, present } from '../../../common/base/assert.ts';
import { equalBytes } from '../../../common/base/bytes.ts';
import {
  comparePositions,
  type Inc,
  origin,
  type Position,
  type RangeId,
  type Seq,
} from '../../../common/model/ids.ts';
import { type KeyRange, overlaps } from '../../../common/model/key-range.ts';
import { baseOf } from '../../../common/model/replacement.ts';
import { CorruptDataError } from '../data-errors.ts';
import type { RecoveredReplica, ReplicaMeta, SessionRow, SessionTable } from '../storage.ts';
import {
  decodeInstalled,
  decodeReplaced,
  decodeReplica,
  decodeSegment,
  decodeSpan,
  decodeTombstone,
  encodeReplica,
  encodeTombstone,
  type Leaving,
  type ReplacedBody,
  type ReplicaBody,
  type Span,
  type TombstoneBody,
} from './bodies.ts';
import type { GroupBuilder } from './group-builder.ts';
import { RangeLogIndex, type RecordLocation } from './range-log-index.ts';
import { RECORD_TYPES, type RecordCursor } from './record.ts';

export class LoggedReplica {
  readonly range: RangeId;
  readonly inc: Inc;
  readonly namespace: string;
  readonly log: RangeLogIndex;
  span: Span;
  epochSeen: number;
  void: boolean;
  /** How often it became void. Rows that were read before the last time are not part of its state any more. */
  timesVoid = 0;
  /** The state store must have an applied position of this replica. */
  stateRequired: boolean;
  /** The state store has one, in a synced batch. */
  hasState = false;
  /** S6: it was replaced. Null: it was not. */
  leaving: Leaving | null;
  /**
   * Entries through this seq are known to be committed: at least those that are applied. It falls only when a snapshot
   * is installed.
   */
  committed: Seq;
  /** Entries through here are applied: visible to reads. */
  applied: Position;
  /** Entries through here are in a synced batch of the state store. */
  appliedSynced: Position;
  /** Bytes of keys and values that were applied since this object was made; and those of them that a frozen overlay has, and the state store. */
  appliedBytes = 0;
  frozenBytes = 0;
  storedBytes = 0;
  /** The client-session table, once one is attached. */
  sessions: SessionTable | null = null;
  /** The rows of the client-session table that the start found, until a table is attached. */
  recoveredSessions: readonly SessionRow[] = [];
  /** A follower may need the entries after this seq. */
  retainAfter: Seq = Number.MAX_SAFE_INTEGER;
  /** Snapshots that are being sent. The log after these seqs is kept, within a bound. */
  readonly pins = new Set<{ readonly seq: Seq }>();

  constructor(range: RangeId, body: ReplicaBody) {
    this.range = range;
    this.inc = body.inc;
    this.namespace = body.namespace;
    this.span = body.span;
    this.epochSeen = body.epochSeen;
    this.void = body.void;
    this.stateRequired = body.stateRequired;
    this.leaving = body.leaving;
    this.committed = body.committed;
    this.log = new RangeLogIndex(body.last);
    // It is too low if segments before the checkpoint are deleted. Then the state store has the true position.
    this.applied = body.base;
    this.appliedSynced = body.base;
  }

  get meta(): ReplicaMeta {
    const { namespaceId, start, end } = this.span;
    return { range: this.range, inc: this.inc, namespace: this.namespace, namespaceId, start, end };
  }

  get last(): Position {
    return this.log.last;
  }

  get recovered(): RecoveredReplica {
    return {
      ...this.meta,
      epochSeen: this.epochSeen,
      base: this.log.base,
      lastSeq: this.log.lastSeq,
      applied: this.applied,
      committed: this.committed,
      void: this.void,
    };
  }

  /** The lowest seq of a snapshot that is being sent: the entries after it are needed. */
  get pinnedAfter(): Seq {
    let seq = Number.MAX_SAFE_INTEGER;
    for (const pin of this.pins) seq = Math.min(seq, pin.seq);
    return seq;
  }

  /**
   * For a checkpoint. At a start it is written before the last group is logged again, which may hold all entries of the log
   * (carried): they come after `base`, so it must not be above what is applied.
   */
  body(): ReplicaBody {
    const { inc, epochSeen, last, committed, stateRequired, namespace, span, applied, leaving } = this;
    const base = applied.seq < this.log.base.seq ? applied : this.log.base;
    return {
      inc,
      epochSeen,
      base,
      last,
      committed,
      void: this.void,
      stateRequired,
      namespace,
      span,
      leaving,
    };
  }

  makeVoid(span: KeyRange): void {
    this.span = { namespaceId: this.span.namespaceId, start: span.start, end: span.end };
    this.void = true;
    this.timesVoid++;
    this.stateRequired = false;
    this.hasState = false;
    this.#setBase(origin);
  }

  install(position: Position): void {
    this.void = false;
    this.stateRequired = true;
    this.hasState = true;
    this.#setBase(position);
  }

  #setBase(position: Position): void {
    this.log.reset(position);
    this.committed = position.seq;
    this.applied = position;
    this.appliedSynced = position;
  }
}

export class LoggedReplicas {
  readonly byRange = new Map<RangeId, LoggedReplica>();
  /** S6: replaced ones whose children still rely on their logs. */
  readonly leaving = new Map<RangeId, LoggedReplica>();
  readonly tombstones = new Map<RangeId, TombstoneBody & { readonly range: RangeId }>();
  /** The log relies on this batch of the state store, and on the ones before it. Known from the replay at the start. */
  stateBatch = 0;

  get(range: RangeId): LoggedReplica {
    return present(this.byRange.get(range), `a replica of range ${range}`);
  }

  /** Those whose logs are needed. */
  get all(): readonly LoggedReplica[] {
    return [...this.byRange.values(), ...this.leaving.values()];
  }

  create(range: RangeId, body: ReplicaBody): LoggedReplica {
    const replica = new LoggedReplica(range, body);
    if (body.leaving !== null) return this.#leave(replica, body.leaving);
    this.assertNew(range, body);
    this.byRange.set(range, replica);
    return replica;
  }

  /** S6: the parents leave, and the children take their place. */
  replace({ parents, children }: ReplacedBody): readonly LoggedReplica[] {
    const base = baseOf(parents);
    const ids = children.map(({ range }) => range);
    for (const { range, final } of parents) {
      const parent = this.get(range);
      // What an owner may have sent after the end was never committed.
      if (parent.log.lastSeq > final.seq) parent.log.truncate(final);
      this.#leave(parent, { final, children: ids });
    }
    return children.map(({ range, inc, namespace, span }) => {
      const log = { base, last: base, committed: base.seq, epochSeen: base.epoch };
      const begin = { void: false, stateRequired: false, leaving: null };
      return this.create(range, { ...log, ...begin, inc, namespace, span });
    });
  }

  #leave(replica: LoggedReplica, leaving: Leaving): LoggedReplica {
    const { range, inc, epochSeen } = replica;
    replica.leaving = leaving;
    replica.retainAfter = Number.MAX_SAFE_INTEGER;
    this.byRange.delete(range);
    this.leaving.set(range, replica);
    this.tombstones.set(range, { range, inc, epochSeen, pending: null, stateBatch: 0 });
    return replica;
  }

  /** Whether a replica relies on no log but its own. */
  isSettled(range: RangeId): boolean {
    const replica = this.byRange.get(range);
    return replica === undefined ? !this.leaving.has(range) : this.isSettledIn(replica.span);
  }

  /** Whether no leaving replica has keys in the span. */
  isSettledIn(span: Span): boolean {
    for (const replica of this.leaving.values()) if (shareKeys(replica.span, span)) return false;
    return true;
  }

  /** Whether the replica was made in the place of one that is leaving, and its state is not in the state store yet. */
  isBeginning({ range, hasState }: LoggedReplica): boolean {
    if (hasState) return false;
    for (const { leaving } of this.leaving.values()) if (leaving?.children.includes(range)) return true;
    return false;
  }

  assertNew(range: RangeId, { inc, span }: ReplicaBody): void {
    this.assertUnused(range, inc);
    this.assertFree(span, range);
  }

  assertUnused(range: RangeId, inc: Inc): void {
    const tombstone = this.tombstones.get(range);
    assert(tombstone === undefined || tombstone.inc < inc, 'R9: no inc at or below the tombstone');
    assert(!this.byRange.has(range), `range ${range} has no replica here yet`);
  }

  /** S7: the key ranges of the replicas on one node never overlap. */
  assertFree(span: Span, range: RangeId, replaced: readonly RangeId[] = []): void {
    const other = this.overlapping(span, [range, ...replaced]);
    assert(other === null, `range ${range} overlaps range ${other}`);
  }

  /** A range with keys in the span: another one with a replica, or one that is being wiped. */
  overlapping(span: Span, except: readonly RangeId[]): RangeId | null {
    for (const other of this.byRange.values()) {
      if (!except.includes(other.range) && shareKeys(other.span, span)) return other.range;
    }
    for (const { range: tombstone, pending } of this.tombstones.values()) {
      if (pending !== null && shareKeys(pending, span)) return tombstone;
    }
    return null;
  }

  /**
   * R9: removes the replica with this inc or an earlier one. A checkpoint may have the tombstone of an earlier life
   * beside a later one.
   */
  recordTombstone(range: RangeId, body: TombstoneBody): void {
    const replica = this.byRange.get(range);
    if (replica !== undefined && replica.inc <= body.inc) this.byRange.delete(range);
    this.tombstones.set(range, { ...body, range });
    const settled = this.leaving.get(range);
    if (settled === undefined || settled.inc > body.inc) return;
    this.leaving.delete(range);
    // From now on their rows are in the state store only.
    for (const child of settled.leaving?.children ?? []) {
      const made = this.byRange.get(child);
      if (made !== undefined) made.stateRequired = true;
    }
  }

  checkpoint(into: GroupBuilder): void {
    for (const replica of this.all) {
      into.putCheckpoint(RECORD_TYPES.checkpoint, replica.range, encodeReplica(replica.body()));
    }
    for (const tombstone of this.tombstones.values()) {
      // The checkpoint of a leaving replica stands for its tombstone. The record comes when it has left.
      if (this.leaving.has(tombstone.range)) continue;
      into.putCheckpoint(RECORD_TYPES.tombstone, tombstone.range, encodeTombstone(tombstone));
    }
  }

  /** Applies a record that a start has read. `location`: where its entries are found from now on. */
  replay(cursor: RecordCursor, location: RecordLocation): void {
    const range = cursor.range;
    const type = cursor.type;
    switch (type) {
      case RECORD_TYPES.segment:
        this.#requireState(decodeSegment(cursor.body).stateBatch);
        break;
      case RECORD_TYPES.checkpoint:
        this.#replayCheckpoint(range, decodeReplica(cursor.body));
        break;
      case RECORD_TYPES.create:
        this.create(range, decodeReplica(cursor.body));
        break;
      case RECORD_TYPES.entries:
        addRow(this.continueLog(cursor).log, cursor, location);
        break;
      case RECORD_TYPES.carried:
        carry(this.withLog(range).log, cursor, location);
        break;
      case RECORD_TYPES.epochSeen:
        this.#existing(range).epochSeen = cursor.epoch;
        break;
      case RECORD_TYPES.truncate:
        this.#truncate(this.#existing(range), { epoch: cursor.epoch, seq: cursor.seq });
        break;
      case RECORD_TYPES.replaced:
        this.#replayReplaced(decodeReplaced(cursor.body));
        break;
      case RECORD_TYPES.void:
        this.#existing(range).makeVoid(decodeSpan(cursor.body));
        break;
      case RECORD_TYPES.installed:
        this.#requireState(decodeInstalled(cursor.body));
        this.#existing(range).install({ epoch: cursor.epoch, seq: cursor.seq });
        break;
      case RECORD_TYPES.tombstone: {
        const body = decodeTombstone(cursor.body);
        this.#requireState(body.stateBatch);
        this.recordTombstone(range, body);
        break;
      }
      default:
        never(type);
    }
  }

  /**
   * The checkpoint of the first segment creates the replicas. Those of later segments must agree with what was
   * replayed.
   */
  #replayCheckpoint(range: RangeId, body: ReplicaBody): void {
    const known = this.byRange.get(range) ?? this.leaving.get(range);
    if (known === undefined) {
      this.create(range, body);
      return;
    }
    const agrees =
      known.inc === body.inc &&
      known.epochSeen === body.epochSeen &&
      known.void === body.void &&
      (known.leaving === null) === (body.leaving === null) &&
      comparePositions(known.last, body.last) === 0 &&
      equalBytes(known.span.start, body.span.start);
    if (!agrees)
      throw new CorruptDataError(`the log's checkpoint of range ${range} differs from its records`);
  }

  #replayReplaced(body: ReplacedBody): void {
    for (const { range, final } of body.parents) {
      if (!this.#existing(range).log.has(final))
        throw new CorruptDataError(
          `range ${range} was replaced at seq ${final.seq}, which its log does not hold`,
        );
    }
    this.replace(body);
  }

  #requireState(batch: number): void {
    this.stateBatch = Math.max(this.stateBatch, batch);
  }

  #truncate({ range, log, committed }: LoggedReplica, last: Position): void {
    if (last.seq < committed) {
      throw new CorruptDataError(
        `the log of range ${range} was truncated after ${last.seq}, but entries through ${committed} are committed`,
      );
    }
    log.truncate(last);
  }

  /** The replica whose log this `entries` record continues. It takes over what the record says is committed. */
  continueLog(cursor: RecordCursor): LoggedReplica {
    const replica = this.#existing(cursor.range);
    const { log } = replica;
    if (cursor.prevSeq !== log.lastSeq || cursor.prevEpoch !== log.lastEpoch) {
      throw new CorruptDataError(`the log of range ${cursor.range} has a gap after ${log.lastSeq}`);
    }
    replica.committed = Math.max(replica.committed, cursor.committed);
    return replica;
  }

  /** The replica, which may be leaving. */
  withLog(range: RangeId): LoggedReplica {
    return this.leaving.get(range) ?? this.#existing(range);
  }

  #existing(range: RangeId): LoggedReplica {
    const replica = this.byRange.get(range);
    if (replica === undefined)
      throw new CorruptDataError(`the log has records of range ${range}, but none that creates it`);
    return replica;
  }
}

function shareKeys(a: Span, b: Span): boolean {
  return a.namespaceId === b.namespaceId && overlaps(a, b);
}

/** Throws CorruptDataError if the entries are not in the log. */
function carry(log: RangeLogIndex, cursor: RecordCursor, location: RecordLocation): void {
  if (cursor.seq + cursor.count - 1 > log.lastSeq) {
    throw new CorruptDataError(`the log of range ${cursor.range} has carried entries that it does not hold`);
  }
  const prev = { epoch: cursor.prevEpoch, seq: cursor.prevSeq };
  log.carry({ prev, epoch: cursor.epoch, count: cursor.count, length: cursor.length, location });
}

function addRow(log: RangeLogIndex, cursor: RecordCursor, location: RecordLocation): void {
  log.addRow(cursor.epoch, cursor.seq, location);
  log.extend(cursor.seq + cursor.count - 1);
  log.closeRow(cursor.length);
}
