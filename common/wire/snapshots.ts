// SnapshotChunk and SnapshotAck: they transfer a replica's rows and client sessions when the log does not reach back far enough.

import { emptyBytes } from '../base/bytes.ts';
import { check, checkBound } from './checks.ts';
import { row, type WireRow } from './encoded-rows.ts';
import { checkChunk, checkSnapshotAck } from './message-checks.ts';
import { CLIENT_ID_BYTES, type SnapshotAck, type SnapshotChunk, type WireSession } from './messages.ts';
import {
  type BodyCodec,
  boolSize,
  bytes,
  bytesSize,
  integer,
  integerSize,
  type MessageCodec,
} from './protobuf.ts';

const SESSION = { clientId: bytes(1), record: bytes(2) } as const;

const session: MessageCodec<WireSession> = {
  size({ clientId, record }) {
    return bytesSize(clientId.length) + bytesSize(record.length);
  },

  put(writer, { clientId, record }) {
    writer.bytes(SESSION.clientId, clientId);
    writer.bytes(SESSION.record, record);
  },

  read(reader) {
    let clientId = emptyBytes;
    let record = emptyBytes;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === SESSION.clientId) clientId = reader.bytes();
      else if (tag === SESSION.record) record = reader.bytes();
      else reader.skipField(tag);
    }
    check(clientId.length === 0 || clientId.length === CLIENT_ID_BYTES, 'client id is not 16 bytes');
    return { clientId, record };
  },
};

const CHUNK = {
  range: integer(1),
  inc: integer(2),
  epoch: integer(3),
  snapshot: integer(4),
  index: integer(5),
  lastEpoch: integer(6),
  lastSeq: integer(7),
  start: bytes(8),
  end: bytes(9),
  bounded: integer(10),
  rows: bytes(11),
  last: integer(12),
  checksum: integer(13),
  clientSessions: bytes(14),
} as const;

export const snapshotChunk: BodyCodec<SnapshotChunk> = {
  field: 15,

  size({ range, inc, epoch, snapshot, index, position, start, end, rows, last, checksum, clientSessions }) {
    let size = integerSize(range) + integerSize(inc) + integerSize(epoch) + integerSize(snapshot);
    size += integerSize(index) + integerSize(position.epoch) + integerSize(position.seq);
    size += bytesSize(start.length) + (end === null ? 0 : bytesSize(end.length) + boolSize(true));
    for (const each of rows) size += bytesSize(row.size(each));
    for (const each of clientSessions) size += bytesSize(session.size(each));
    return size + boolSize(last) + integerSize(checksum);
  },

  put(writer, chunk) {
    writer.integer(CHUNK.range, chunk.range);
    writer.integer(CHUNK.inc, chunk.inc);
    writer.integer(CHUNK.epoch, chunk.epoch);
    writer.integer(CHUNK.snapshot, chunk.snapshot);
    writer.integer(CHUNK.index, chunk.index);
    writer.integer(CHUNK.lastEpoch, chunk.position.epoch);
    writer.integer(CHUNK.lastSeq, chunk.position.seq);
    writer.bytes(CHUNK.start, chunk.start);
    if (chunk.end !== null) {
      writer.bytes(CHUNK.end, chunk.end);
      writer.bool(CHUNK.bounded, true);
    }
    for (const each of chunk.rows) writer.message(CHUNK.rows, row, each);
    writer.bool(CHUNK.last, chunk.last);
    writer.integer(CHUNK.checksum, chunk.checksum);
    for (const each of chunk.clientSessions) writer.message(CHUNK.clientSessions, session, each);
  },

  read(reader) {
    let range = 0;
    let inc = 0;
    let epoch = 0;
    let snapshot = 0;
    let index = 0;
    const position = { epoch: 0, seq: 0 };
    let start = emptyBytes;
    let end = emptyBytes;
    let bounded = false;
    const rows: WireRow[] = [];
    let last = false;
    let checksum = 0;
    const clientSessions: WireSession[] = [];
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === CHUNK.rows) rows.push(reader.message(row));
      else if (tag === CHUNK.clientSessions) clientSessions.push(reader.message(session));
      else if (tag === CHUNK.range) range = reader.integer();
      else if (tag === CHUNK.inc) inc = reader.integer();
      else if (tag === CHUNK.epoch) epoch = reader.integer();
      else if (tag === CHUNK.snapshot) snapshot = reader.integer();
      else if (tag === CHUNK.index) index = reader.u32();
      else if (tag === CHUNK.lastEpoch) position.epoch = reader.integer();
      else if (tag === CHUNK.lastSeq) position.seq = reader.integer();
      else if (tag === CHUNK.start) start = checkBound(reader.bytes());
      else if (tag === CHUNK.end) end = checkBound(reader.bytes());
      else if (tag === CHUNK.bounded) bounded = reader.bool();
      else if (tag === CHUNK.last) last = reader.bool();
      else if (tag === CHUNK.checksum) checksum = reader.u32();
      else reader.skipField(tag);
    }
    const message: SnapshotChunk = {
      kind: 'snapshot-chunk',
      range,
      inc,
      epoch,
      snapshot,
      index,
      position,
      start,
      end: bounded ? end : null,
      rows,
      last,
      checksum,
      clientSessions,
    };
    checkChunk(message);
    return message;
  },
};

const ACK = {
  range: integer(1),
  inc: integer(2),
  epoch: integer(3),
  snapshot: integer(4),
  nextIndex: integer(5),
  installed: integer(6),
  refused: integer(7),
} as const;

export const snapshotAck: BodyCodec<SnapshotAck> = {
  field: 16,

  size({ range, inc, epoch, snapshot, nextIndex, installed, refused }) {
    const address = integerSize(range) + integerSize(inc) + integerSize(epoch);
    return address + integerSize(snapshot) + integerSize(nextIndex) + boolSize(installed) + boolSize(refused);
  },

  put(writer, ack) {
    writer.integer(ACK.range, ack.range);
    writer.integer(ACK.inc, ack.inc);
    writer.integer(ACK.epoch, ack.epoch);
    writer.integer(ACK.snapshot, ack.snapshot);
    writer.integer(ACK.nextIndex, ack.nextIndex);
    writer.bool(ACK.installed, ack.installed);
    writer.bool(ACK.refused, ack.refused);
  },

  read(reader) {
    let range = 0;
    let inc = 0;
    let epoch = 0;
    let snapshot = 0;
    let nextIndex = 0;
    let installed = false;
    let refused = false;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === ACK.range) range = reader.integer();
      else if (tag === ACK.inc) inc = reader.integer();
      else if (tag === ACK.epoch) epoch = reader.integer();
      else if (tag === ACK.snapshot) snapshot = reader.integer();
      else if (tag === ACK.nextIndex) nextIndex = reader.u32();
      else if (tag === ACK.installed) installed = reader.bool();
      else if (tag === ACK.refused) refused = reader.bool();
      else reader.skipField(tag);
    }
    const place = { range, inc, epoch, snapshot };
    const message: SnapshotAck = { kind: 'snapshot-ack', ...place, nextIndex, installed, refused };
    checkSnapshotAck(message);
    return message;
  },
};
