// Append and AppendAck (R3), which owners and followers send to each other for every write.

import { emptyBytes } from '../base/bytes.ts';
import { LIMITS } from '../model/config.ts';
import { check, checkFinite } from './checks.ts';
import { checkAck, checkAppend } from './message-checks.ts';
import { type Append, type AppendAck, ENTRY_KINDS, type EntryKind, type WireEntry } from './messages.ts';
import {
  type BodyCodec,
  boolSize,
  bytes,
  bytesSize,
  DOUBLE_SIZE,
  double,
  integer,
  integerSize,
  type MessageCodec,
} from './protobuf.ts';

const ENTRY = { epoch: integer(1), seq: integer(2), kind: integer(3), payload: bytes(4) } as const;

const entry: MessageCodec<WireEntry> = {
  size({ epoch, seq, kind, payload }) {
    return integerSize(epoch) + integerSize(seq) + integerSize(kind) + bytesSize(payload.length);
  },

  put(writer, { epoch, seq, kind, payload }) {
    writer.integer(ENTRY.epoch, epoch);
    writer.integer(ENTRY.seq, seq);
    writer.integer(ENTRY.kind, kind);
    writer.bytes(ENTRY.payload, payload);
  },

  read(reader) {
    let epoch = 0;
    let seq = 0;
    let kind = 0;
    let payload = emptyBytes;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === ENTRY.epoch) epoch = reader.integer();
      else if (tag === ENTRY.seq) seq = reader.integer();
      else if (tag === ENTRY.kind) kind = reader.integer();
      else if (tag === ENTRY.payload) payload = reader.bytes();
      else reader.skipField(tag);
    }
    check(payload.length <= LIMITS.operationBytesMax, 'entry too long');
    return { epoch, seq, kind: entryKind(kind), payload };
  },
};

function entryKind(number: number): EntryKind {
  const { epochStart, operation, check: consistencyCheck } = ENTRY_KINDS;
  if (number === epochStart || number === operation || number === consistencyCheck) return number;
  throw new RangeError(`unknown entry kind ${number}`);
}

const APPEND = {
  range: integer(1),
  inc: integer(2),
  epoch: integer(3),
  prevEpoch: integer(4),
  prevSeq: integer(5),
  entries: bytes(6),
  commitSeq: integer(7),
  echoed: integer(8),
  echo: double(9),
} as const;

export const append: BodyCodec<Append> = {
  field: 13,

  size({ range, inc, epoch, prev, entries, commitSeq, echo }) {
    let size = integerSize(range) + integerSize(inc) + integerSize(epoch);
    size += integerSize(prev.epoch) + integerSize(prev.seq) + integerSize(commitSeq);
    for (const each of entries) size += bytesSize(entry.size(each));
    return echo === null ? size : size + boolSize(true) + DOUBLE_SIZE;
  },

  put(writer, { range, inc, epoch, prev, entries, commitSeq, echo }) {
    writer.integer(APPEND.range, range);
    writer.integer(APPEND.inc, inc);
    writer.integer(APPEND.epoch, epoch);
    writer.integer(APPEND.prevEpoch, prev.epoch);
    writer.integer(APPEND.prevSeq, prev.seq);
    for (const each of entries) writer.message(APPEND.entries, entry, each);
    writer.integer(APPEND.commitSeq, commitSeq);
    if (echo === null) return;
    writer.bool(APPEND.echoed, true);
    writer.double(APPEND.echo, echo);
  },

  read(reader) {
    let range = 0;
    let inc = 0;
    let epoch = 0;
    const prev = { epoch: 0, seq: 0 };
    const entries: WireEntry[] = [];
    let commitSeq = 0;
    let echoed = false;
    let echo = 0;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === APPEND.entries) entries.push(reader.message(entry));
      else if (tag === APPEND.range) range = reader.integer();
      else if (tag === APPEND.inc) inc = reader.integer();
      else if (tag === APPEND.epoch) epoch = reader.integer();
      else if (tag === APPEND.prevEpoch) prev.epoch = reader.integer();
      else if (tag === APPEND.prevSeq) prev.seq = reader.integer();
      else if (tag === APPEND.commitSeq) commitSeq = reader.integer();
      else if (tag === APPEND.echoed) echoed = reader.bool();
      else if (tag === APPEND.echo) echo = reader.double();
      else reader.skipField(tag);
    }
    checkFinite(echo, 'echo');
    const known = echoed ? echo : null;
    const message: Append = { kind: 'append', range, inc, epoch, prev, entries, commitSeq, echo: known };
    checkAppend(message);
    return message;
  },
};

const ACK = {
  range: integer(1),
  inc: integer(2),
  epoch: integer(3),
  ackedSeq: integer(4),
  rejected: integer(5),
  lastEpoch: integer(6),
  lastSeq: integer(7),
  stamp: double(8),
  rejectedPrev: integer(9),
  unhealthy: integer(10),
  contradiction: integer(11),
} as const;

export const appendAck: BodyCodec<AppendAck> = {
  field: 14,

  size({ range, inc, epoch, ackedSeq, rejection, unhealthy, contradiction }) {
    const numbers = integerSize(range) + integerSize(inc) + integerSize(epoch) + integerSize(ackedSeq);
    const rest = DOUBLE_SIZE + boolSize(unhealthy) + integerSize(contradiction ?? 0);
    if (rejection === null) return numbers + rest;
    const { prevSeq, newest } = rejection;
    return (
      numbers +
      rest +
      boolSize(true) +
      integerSize(newest.epoch) +
      integerSize(newest.seq) +
      integerSize(prevSeq)
    );
  },

  put(writer, { range, inc, epoch, ackedSeq, rejection, stamp, unhealthy, contradiction }) {
    writer.integer(ACK.range, range);
    writer.integer(ACK.inc, inc);
    writer.integer(ACK.epoch, epoch);
    writer.integer(ACK.ackedSeq, ackedSeq);
    if (rejection !== null) {
      writer.bool(ACK.rejected, true);
      writer.integer(ACK.lastEpoch, rejection.newest.epoch);
      writer.integer(ACK.lastSeq, rejection.newest.seq);
      writer.integer(ACK.rejectedPrev, rejection.prevSeq);
    }
    writer.double(ACK.stamp, stamp);
    writer.bool(ACK.unhealthy, unhealthy);
    writer.integer(ACK.contradiction, contradiction ?? 0);
  },

  read(reader) {
    let range = 0;
    let inc = 0;
    let epoch = 0;
    let ackedSeq = 0;
    let rejected = false;
    let lastEpoch = 0;
    let lastSeq = 0;
    let prevSeq = 0;
    let stamp = 0;
    let unhealthy = false;
    let contradiction = 0;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === ACK.range) range = reader.integer();
      else if (tag === ACK.inc) inc = reader.integer();
      else if (tag === ACK.epoch) epoch = reader.integer();
      else if (tag === ACK.ackedSeq) ackedSeq = reader.integer();
      else if (tag === ACK.rejected) rejected = reader.bool();
      else if (tag === ACK.lastEpoch) lastEpoch = reader.integer();
      else if (tag === ACK.lastSeq) lastSeq = reader.integer();
      else if (tag === ACK.stamp) stamp = reader.double();
      else if (tag === ACK.rejectedPrev) prevSeq = reader.integer();
      else if (tag === ACK.unhealthy) unhealthy = reader.bool();
      else if (tag === ACK.contradiction) contradiction = reader.integer();
      else reader.skipField(tag);
    }
    checkFinite(stamp, 'stamp');
    const message: AppendAck = {
      kind: 'append-ack',
      range,
      inc,
      epoch,
      ackedSeq,
      rejection: rejected ? { prevSeq, newest: { epoch: lastEpoch, seq: lastSeq } } : null,
      stamp,
      unhealthy,
      contradiction: contradiction === 0 ? null : contradiction,
    };
    checkAck(message);
    return message;
  },
};
