// WriteRequest and WriteReply. The operation inside is encoded once, by the client (operation.ts).

import { emptyBytes } from '../base/bytes.ts';
import { LIMITS } from '../model/config.ts';
import { check } from './checks.ts';
import type { WriteReply, WriteRequest } from './messages.ts';
import { type BodyCodec, bytes, bytesSize, integer, integerSize } from './protobuf.ts';

const WRITE = { range: integer(1), epoch: integer(2), operation: bytes(3) } as const;

export const write: BodyCodec<WriteRequest> = {
  field: 5,

  size({ range, epoch, operation }) {
    return integerSize(range) + integerSize(epoch) + bytesSize(operation.length);
  },

  put(writer, { range, epoch, operation }) {
    writer.integer(WRITE.range, range);
    writer.integer(WRITE.epoch, epoch);
    writer.bytes(WRITE.operation, operation);
  },

  read(reader) {
    let range = 0;
    let epoch = 0;
    let operation = emptyBytes;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === WRITE.range) range = reader.integer();
      else if (tag === WRITE.epoch) epoch = reader.integer();
      else if (tag === WRITE.operation) operation = reader.bytes();
      else reader.skipField(tag);
    }
    check(operation.length <= LIMITS.operationBytesMax, 'operation too long');
    return { kind: 'write', range, epoch, operation };
  },
};

const WRITE_REPLY = { revision: integer(1), epoch: integer(2), deleted: integer(3) } as const;

export const writeReply: BodyCodec<WriteReply> = {
  field: 6,

  size({ revision, epoch, deleted }) {
    return integerSize(revision) + integerSize(epoch) + integerSize(deleted);
  },

  put(writer, { revision, epoch, deleted }) {
    writer.integer(WRITE_REPLY.revision, revision);
    writer.integer(WRITE_REPLY.epoch, epoch);
    writer.integer(WRITE_REPLY.deleted, deleted);
  },

  read(reader) {
    let revision = 0;
    let epoch = 0;
    let deleted = 0;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === WRITE_REPLY.revision) revision = reader.integer();
      else if (tag === WRITE_REPLY.epoch) epoch = reader.integer();
      else if (tag === WRITE_REPLY.deleted) deleted = reader.u32();
      else reader.skipField(tag);
    }
    return { kind: 'write-reply', revision, epoch, deleted };
  },
};
