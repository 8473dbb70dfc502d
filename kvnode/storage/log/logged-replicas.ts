// The replicas on this node as the log tells of them: what each record does, alike when it is logged and when it is read
// back at start, and the checkpoint that lets older segments go.

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
import { CorruptDataError } from '../data-errors.ts';
import type { RecoveredReplica, ReplicaMeta, SessionRow, SessionTable } from '../storage.ts';
import {
  decodeInstalled,
  decodeReplica,
  decodeSegment,
  decodeSpan,
  decodeTombstone,
  encodeReplica,
  encodeTombstone,
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
  /** The state must have an applied position of this replica. */
  stateRequired: boolean;
  /** Through here entries are known to be committed; at least what is applied. Never falls but for a snapshot. */
  committed: Seq;
  /** Through here entries are applied: visible to reads. */
  applied: Position;
  /** Through here a synced batch of the state has them. */
  appliedSynced: Position;
  /** Who keeps the client sessions, once somebody does. */
  sessions: SessionTable | null = null;
  /** As found on disk at start, until somebody keeps them. */
  recoveredSessions: readonly SessionRow[] = [];
  /** Some follower may need the entries after this seq. */
  retainAfter: Seq = Number.MAX_SAFE_INTEGER;
  /** Snapshots being sent: the log after these seqs stays, within a bound. */
  readonly pins = new Set<{ readonly seq: Seq }>();

  constructor(range: RangeId, body: ReplicaBody) {
    this.range = range;
    this.inc = body.inc;
    this.namespace = body.namespace;
    this.span = body.span;
    this.epochSeen = body.epochSeen;
    this.void = body.void;
    this.stateRequired = body.stateRequired;
    this.committed = body.committed;
    this.log = new RangeLogIndex(body.last);
    // Of a checkpoint whose older segments have gone, too low: the state must know better.
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

  /** A snapshot that is being sent goes on from the entries after this seq. */
  get pinnedAfter(): Seq {
    let seq = Number.MAX_SAFE_INTEGER;
    for (const pin of this.pins) seq = Math.min(seq, pin.seq);
    return seq;
  }

  body(): ReplicaBody {
    const { inc, epochSeen, last, committed, stateRequired, namespace, span } = this;
    const base = this.log.base;
    return { inc, epochSeen, base, last, committed, void: this.void, stateRequired, namespace, span };
  }

  makeVoid(span: KeyRange): void {
    this.span = { namespaceId: this.span.namespaceId, start: span.start, end: span.end };
    this.void = true;
    this.stateRequired = false;
    this.#setBase(origin);
  }

  install(position: Position): void {
    this.void = false;
    this.stateRequired = true;
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
  readonly tombstones = new Map<RangeId, TombstoneBody & { readonly range: RangeId }>();
  /** As read at start: the log relies on this batch of the state store and on those before it. */
  stateBatch = 0;

  get(range: RangeId): LoggedReplica {
    return present(this.byRange.get(range), `a replica of range ${range}`);
  }

  create(range: RangeId, body: ReplicaBody): void {
    this.assertNew(range, body);
    this.byRange.set(range, new LoggedReplica(range, body));
  }

  assertNew(range: RangeId, body: ReplicaBody): void {
    const tombstone = this.tombstones.get(range);
    assert(tombstone === undefined || tombstone.inc < body.inc, 'R9: no inc at or below the tombstone');
    assert(!this.byRange.has(range), `range ${range} has no replica here yet`);
    this.assertFree(body.span, range);
  }

  /** The key spans of replicas on one node never overlap. */
  assertFree(span: Span, range: RangeId): void {
    const other = this.overlapping(span, range);
    assert(other === null, `range ${range} overlaps range ${other}`);
  }

  /** Another replica than that of `range`, or one that is being wiped, with keys in the span. */
  overlapping(span: Span, range: RangeId): RangeId | null {
    for (const other of this.byRange.values()) {
      if (other.range !== range && shareKeys(other.span, span)) return other.range;
    }
    for (const { range: tombstone, pending } of this.tombstones.values()) {
      if (pending !== null && shareKeys(pending, span)) return tombstone;
    }
    return null;
  }

  /** R9: what lived with that inc, or before, goes; a checkpoint has tombstones of earlier lives beside a later one. */
  recordTombstone(range: RangeId, body: TombstoneBody): void {
    const replica = this.byRange.get(range);
    if (replica !== undefined && replica.inc <= body.inc) this.byRange.delete(range);
    this.tombstones.set(range, { ...body, range });
  }

  checkpoint(into: GroupBuilder): void {
    for (const replica of this.byRange.values()) {
      into.putCheckpoint(RECORD_TYPES.checkpoint, replica.range, encodeReplica(replica.body()));
    }
    for (const tombstone of this.tombstones.values()) {
      into.putCheckpoint(RECORD_TYPES.tombstone, tombstone.range, encodeTombstone(tombstone));
    }
  }

  /** What a record read at start does. `place`: where its entries are found from now on. */
  replay(cursor: RecordCursor, place: RecordLocation): void {
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
        addRow(this.continueLog(cursor).log, cursor, place);
        break;
      case RECORD_TYPES.carried:
        carry(this.#existing(range).log, cursor, place);
        break;
      case RECORD_TYPES.epochSeen:
        this.#existing(range).epochSeen = cursor.epoch;
        break;
      case RECORD_TYPES.truncate:
        this.#truncate(this.#existing(range), { epoch: cursor.epoch, seq: cursor.seq });
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

  /** The first segment's checkpoint says what there is; those of later segments must agree with what was read. */
  #replayCheckpoint(range: RangeId, body: ReplicaBody): void {
    const known = this.byRange.get(range);
    if (known === undefined) {
      this.create(range, body);
      return;
    }
    const agrees =
      known.inc === body.inc &&
      known.epochSeen === body.epochSeen &&
      known.void === body.void &&
      comparePositions(known.last, body.last) === 0 &&
      equalBytes(known.span.start, body.span.start);
    if (!agrees)
      throw new CorruptDataError(`the log's checkpoint of range ${range} differs from its records`);
  }

  #requireState(batch: number): void {
    this.stateBatch = Math.max(this.stateBatch, batch);
  }

  #truncate({ range, log, committed }: LoggedReplica, last: Position): void {
    if (last.seq < committed) {
      throw new CorruptDataError(
        `the log of range ${range} was cut at ${last.seq}, before ${committed}, which is committed`,
      );
    }
    log.truncate(last);
  }

  /** The replica whose log a record of entries continues; it then knows what the record says is committed. */
  continueLog(cursor: RecordCursor): LoggedReplica {
    const replica = this.#existing(cursor.range);
    const { log } = replica;
    if (cursor.prevSeq !== log.lastSeq || cursor.prevEpoch !== log.lastEpoch) {
      throw new CorruptDataError(`the log of range ${cursor.range} has a gap after ${log.lastSeq}`);
    }
    replica.committed = Math.max(replica.committed, cursor.committed);
    return replica;
  }

  #existing(range: RangeId): LoggedReplica {
    const replica = this.byRange.get(range);
    if (replica === undefined) throw new CorruptDataError(`the log has no beginning of range ${range}`);
    return replica;
  }
}

function shareKeys(a: Span, b: Span): boolean {
  return a.namespaceId === b.namespaceId && overlaps(a, b);
}

/** Throws CorruptDataError where the entries are not those of the log. */
function carry(log: RangeLogIndex, cursor: RecordCursor, place: RecordLocation): void {
  if (cursor.seq + cursor.count - 1 > log.lastSeq) {
    throw new CorruptDataError(`the log of range ${cursor.range} has carried what it never had`);
  }
  const prev = { epoch: cursor.prevEpoch, seq: cursor.prevSeq };
  log.carry({ prev, epoch: cursor.epoch, count: cursor.count, length: cursor.length, place });
}

function addRow(log: RangeLogIndex, cursor: RecordCursor, place: RecordLocation): void {
  log.addRow(cursor.epoch, cursor.seq, place);
  log.extend(cursor.seq + cursor.count - 1);
  log.closeRow(cursor.length);
}
