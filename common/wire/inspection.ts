// The messages for a node's status, and for the consistency check that compares the replicas of a range.

import { type Bytes, emptyBytes } from '../base/bytes.ts';
import { checkDigest } from './message-checks.ts';
import type {
  CheckReply,
  CheckRequest,
  DamageVerdict,
  ReplicaDigest,
  StatusReply,
  StatusRequest,
} from './messages.ts';
import {
  type BodyCodec,
  boolSize,
  bytes,
  bytesSize,
  emptyBody,
  integer,
  integerSize,
  type Reader,
} from './protobuf.ts';

export const status = emptyBody<StatusRequest>(11, { kind: 'status' });

/** The only field of StatusReply and of CheckReply. */
const JSON_TEXT = bytes(1);

function readJson(reader: Reader): Bytes {
  let json = emptyBytes;
  while (reader.hasMore) {
    const tag = reader.fieldTag();
    if (tag === JSON_TEXT) json = reader.bytes();
    else reader.skipField(tag);
  }
  return json;
}

export const statusReply: BodyCodec<StatusReply> = {
  field: 12,
  size: ({ json }) => bytesSize(json.length),
  put: (writer, { json }) => writer.bytes(JSON_TEXT, json),
  read: (reader) => ({ kind: 'status-reply', json: readJson(reader) }),
};

const DIGEST = {
  range: integer(1),
  inc: integer(2),
  epoch: integer(3),
  seq: integer(4),
  declined: integer(5),
  rows: integer(6),
  checksum: integer(7),
  format: integer(8),
} as const;

export const replicaDigest: BodyCodec<ReplicaDigest> = {
  field: 19,

  size({ range, inc, epoch, seq, format, digest }) {
    const known = digest === null ? 0 : integerSize(digest.rows) + integerSize(digest.checksum);
    const place = integerSize(range) + integerSize(inc) + integerSize(epoch) + integerSize(seq);
    return place + integerSize(format) + boolSize(digest === null) + known;
  },

  put(writer, { range, inc, epoch, seq, format, digest }) {
    writer.integer(DIGEST.range, range);
    writer.integer(DIGEST.inc, inc);
    writer.integer(DIGEST.epoch, epoch);
    writer.integer(DIGEST.seq, seq);
    writer.bool(DIGEST.declined, digest === null);
    if (digest !== null) {
      writer.integer(DIGEST.rows, digest.rows);
      writer.integer(DIGEST.checksum, digest.checksum);
    }
    writer.integer(DIGEST.format, format);
  },

  read(reader) {
    let range = 0;
    let inc = 0;
    let epoch = 0;
    let seq = 0;
    let declined = false;
    let rows = 0;
    let checksum = 0;
    let format = 0;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === DIGEST.range) range = reader.integer();
      else if (tag === DIGEST.inc) inc = reader.integer();
      else if (tag === DIGEST.epoch) epoch = reader.integer();
      else if (tag === DIGEST.seq) seq = reader.integer();
      else if (tag === DIGEST.declined) declined = reader.bool();
      else if (tag === DIGEST.rows) rows = reader.integer();
      else if (tag === DIGEST.checksum) checksum = reader.u32();
      else if (tag === DIGEST.format) format = reader.u32();
      else reader.skipField(tag);
    }
    const digest = declined ? null : { rows, checksum };
    const message: ReplicaDigest = { kind: 'replica-digest', range, inc, epoch, seq, format, digest };
    checkDigest(message);
    return message;
  },
};

const VERDICT = {
  range: integer(1),
  inc: integer(2),
  epoch: integer(3),
  seq: integer(4),
  rows: integer(5),
  checksum: integer(6),
} as const;

export const damageVerdict: BodyCodec<DamageVerdict> = {
  field: 20,

  size({ range, inc, epoch, seq, expected }) {
    const place = integerSize(range) + integerSize(inc) + integerSize(epoch) + integerSize(seq);
    return place + integerSize(expected.rows) + integerSize(expected.checksum);
  },

  put(writer, { range, inc, epoch, seq, expected }) {
    writer.integer(VERDICT.range, range);
    writer.integer(VERDICT.inc, inc);
    writer.integer(VERDICT.epoch, epoch);
    writer.integer(VERDICT.seq, seq);
    writer.integer(VERDICT.rows, expected.rows);
    writer.integer(VERDICT.checksum, expected.checksum);
  },

  read(reader) {
    let range = 0;
    let inc = 0;
    let epoch = 0;
    let seq = 0;
    let rows = 0;
    let checksum = 0;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === VERDICT.range) range = reader.integer();
      else if (tag === VERDICT.inc) inc = reader.integer();
      else if (tag === VERDICT.epoch) epoch = reader.integer();
      else if (tag === VERDICT.seq) seq = reader.integer();
      else if (tag === VERDICT.rows) rows = reader.integer();
      else if (tag === VERDICT.checksum) checksum = reader.u32();
      else reader.skipField(tag);
    }
    const expected = { rows, checksum };
    const message: DamageVerdict = { kind: 'damage-verdict', range, inc, epoch, seq, expected };
    checkDigest(message);
    return message;
  },
};

const CHECK = { range: integer(1), epoch: integer(2), seq: integer(3) } as const;

export const check: BodyCodec<CheckRequest> = {
  field: 21,

  size({ range, epoch, seq }) {
    return integerSize(range) + integerSize(epoch) + integerSize(seq);
  },

  put(writer, { range, epoch, seq }) {
    writer.integer(CHECK.range, range);
    writer.integer(CHECK.epoch, epoch);
    writer.integer(CHECK.seq, seq);
  },

  read(reader) {
    let range = 0;
    let epoch = 0;
    let seq = 0;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === CHECK.range) range = reader.integer();
      else if (tag === CHECK.epoch) epoch = reader.integer();
      else if (tag === CHECK.seq) seq = reader.integer();
      else reader.skipField(tag);
    }
    return { kind: 'check', range, epoch, seq };
  },
};

export const checkReply: BodyCodec<CheckReply> = {
  field: 22,
  size: ({ json }) => bytesSize(json.length),
  put: (writer, { json }) => writer.bytes(JSON_TEXT, json),
  read: (reader) => ({ kind: 'check-reply', json: readJson(reader) }),
};
