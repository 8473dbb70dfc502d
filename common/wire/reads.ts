// GetRequest and GetReply, and what all reads share: the read mode, and what the reply guarantees.

import { emptyBytes } from '../base/bytes.ts';
import { check, checkFinite, checkKey, checkValue } from './checks.ts';
import type { GetReply, GetRequest, ReadGuarantee, WireReadMode } from './messages.ts';
import {
  type BodyCodec,
  boolSize,
  bytes,
  bytesSize,
  DOUBLE_SIZE,
  double,
  integer,
  integerSize,
  type Writer,
} from './protobuf.ts';

/** ReadMode in rangekeeper.proto. */
export const READ_MODE = { linearizable: 0, stale: 1 } as const satisfies Record<WireReadMode, number>;

export function modeOf(number: number): WireReadMode {
  if (number === READ_MODE.linearizable) return 'linearizable';
  check(number === READ_MODE.stale, `unknown read mode ${number}`);
  return 'stale';
}

const GET = {
  range: integer(1),
  epoch: integer(2),
  key: bytes(3),
  mode: integer(4),
  minSeq: integer(5),
} as const;

export const get: BodyCodec<GetRequest> = {
  field: 7,

  size({ range, epoch, key, mode, minSeq }) {
    const numbers =
      integerSize(range) + integerSize(epoch) + integerSize(READ_MODE[mode]) + integerSize(minSeq);
    return numbers + bytesSize(key.length);
  },

  put(writer, { range, epoch, key, mode, minSeq }) {
    writer.integer(GET.range, range);
    writer.integer(GET.epoch, epoch);
    writer.bytes(GET.key, key);
    writer.integer(GET.mode, READ_MODE[mode]);
    writer.integer(GET.minSeq, minSeq);
  },

  read(reader) {
    let range = 0;
    let epoch = 0;
    let key = emptyBytes;
    let mode: WireReadMode = 'linearizable';
    let minSeq = 0;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === GET.range) range = reader.integer();
      else if (tag === GET.epoch) epoch = reader.integer();
      else if (tag === GET.key) key = reader.bytes();
      else if (tag === GET.mode) mode = modeOf(reader.integer());
      else if (tag === GET.minSeq) minSeq = reader.integer();
      else reader.skipField(tag);
    }
    checkKey(key);
    return { kind: 'get', range, epoch, key, mode, minSeq };
  },
};

/** The tags of a ReadGuarantee's fields in a reply. */
interface GuaranteeTags {
  readonly epoch: number;
  readonly stale: number;
  readonly staleKnown: number;
  readonly staleMs: number;
  readonly appliedSeq: number;
}

export function guaranteeSize({ epoch, stale, staleMs, appliedSeq }: ReadGuarantee): number {
  const flags = boolSize(stale) + boolSize(staleMs !== null);
  return flags + integerSize(epoch) + ((staleMs ?? 0) === 0 ? 0 : DOUBLE_SIZE) + integerSize(appliedSeq);
}

export function putGuarantee(writer: Writer, tags: GuaranteeTags, body: ReadGuarantee): void {
  const { epoch, stale, staleMs, appliedSeq } = body;
  writer.integer(tags.epoch, epoch);
  writer.bool(tags.stale, stale);
  writer.bool(tags.staleKnown, staleMs !== null);
  if (staleMs !== null && staleMs !== 0) writer.double(tags.staleMs, staleMs);
  writer.integer(tags.appliedSeq, appliedSeq);
}

const GET_REPLY = {
  found: integer(1),
  value: bytes(2),
  revision: integer(3),
  epoch: integer(4),
  stale: integer(5),
  staleKnown: integer(6),
  staleMs: double(7),
  appliedSeq: integer(8),
} as const;

export const getReply: BodyCodec<GetReply> = {
  field: 8,

  size(body) {
    const { found, value, revision } = body;
    return boolSize(found) + bytesSize(value.length) + integerSize(revision) + guaranteeSize(body);
  },

  put(writer, body) {
    writer.bool(GET_REPLY.found, body.found);
    writer.bytes(GET_REPLY.value, body.value);
    writer.integer(GET_REPLY.revision, body.revision);
    putGuarantee(writer, GET_REPLY, body);
  },

  read(reader) {
    let found = false;
    let value = emptyBytes;
    let revision = 0;
    let epoch = 0;
    let stale = false;
    let staleKnown = false;
    let staleMs = 0;
    let appliedSeq = 0;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === GET_REPLY.found) found = reader.bool();
      else if (tag === GET_REPLY.value) value = reader.bytes();
      else if (tag === GET_REPLY.revision) revision = reader.integer();
      else if (tag === GET_REPLY.epoch) epoch = reader.integer();
      else if (tag === GET_REPLY.stale) stale = reader.bool();
      else if (tag === GET_REPLY.staleKnown) staleKnown = reader.bool();
      else if (tag === GET_REPLY.staleMs) staleMs = reader.double();
      else if (tag === GET_REPLY.appliedSeq) appliedSeq = reader.integer();
      else reader.skipField(tag);
    }
    checkValue(value);
    checkFinite(staleMs, 'staleMs');
    const known = staleKnown ? staleMs : null;
    return { kind: 'get-reply', found, value, revision, epoch, stale, staleMs: known, appliedSeq };
  },
};
