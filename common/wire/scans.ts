// ScanRequest and ScanReply.

import { emptyBytes } from '../base/bytes.ts';
import { check, checkBound, checkFinite } from './checks.ts';
import { EncodedRows, ROWS } from './encoded-rows.ts';
import type { ScanReply, ScanRequest, WireReadMode } from './messages.ts';
import {
  type BodyCodec,
  boolSize,
  bytes,
  bytesSize,
  double,
  integer,
  integerSize,
  type Reader,
} from './protobuf.ts';
import { guaranteeSize, modeOf, putGuarantee, READ_MODE } from './reads.ts';

const SCAN = {
  range: integer(1),
  epoch: integer(2),
  start: bytes(3),
  end: bytes(4),
  bounded: integer(5),
  limitRows: integer(6),
  limitBytes: integer(7),
  reverse: integer(8),
  keysOnly: integer(9),
  countOnly: integer(10),
  mode: integer(11),
  minSeq: integer(12),
  valueBytesMax: integer(13),
  valuesCut: integer(14),
} as const;

export const scan: BodyCodec<ScanRequest> = {
  field: 9,

  size(body) {
    const { range, epoch, start, end, limitRows, limitBytes, reverse, keysOnly, countOnly, mode, minSeq } =
      body;
    const { valueBytesMax } = body;
    const bounds = bytesSize(start.length) + (end === null ? 0 : bytesSize(end.length) + boolSize(true));
    const limits = integerSize(limitRows) + integerSize(limitBytes);
    const flags = boolSize(reverse) + boolSize(keysOnly) + boolSize(countOnly);
    const numbers =
      integerSize(range) + integerSize(epoch) + integerSize(READ_MODE[mode]) + integerSize(minSeq);
    const cut = valueBytesMax === null ? 0 : integerSize(valueBytesMax) + boolSize(true);
    return bounds + limits + flags + numbers + cut;
  },

  put(writer, body) {
    writer.integer(SCAN.range, body.range);
    writer.integer(SCAN.epoch, body.epoch);
    writer.bytes(SCAN.start, body.start);
    if (body.end !== null) {
      writer.bytes(SCAN.end, body.end);
      writer.bool(SCAN.bounded, true);
    }
    writer.integer(SCAN.limitRows, body.limitRows);
    writer.integer(SCAN.limitBytes, body.limitBytes);
    writer.bool(SCAN.reverse, body.reverse);
    writer.bool(SCAN.keysOnly, body.keysOnly);
    writer.bool(SCAN.countOnly, body.countOnly);
    writer.integer(SCAN.mode, READ_MODE[body.mode]);
    writer.integer(SCAN.minSeq, body.minSeq);
    if (body.valueBytesMax !== null) {
      writer.integer(SCAN.valueBytesMax, body.valueBytesMax);
      writer.bool(SCAN.valuesCut, true);
    }
  },

  read(reader) {
    let range = 0;
    let epoch = 0;
    let start = emptyBytes;
    let end = emptyBytes;
    let bounded = false;
    let limitRows = 0;
    let limitBytes = 0;
    let reverse = false;
    let keysOnly = false;
    let countOnly = false;
    let mode: WireReadMode = 'linearizable';
    let minSeq = 0;
    let valueBytesMax = 0;
    let valuesCut = false;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === SCAN.range) range = reader.integer();
      else if (tag === SCAN.epoch) epoch = reader.integer();
      else if (tag === SCAN.start) start = checkBound(reader.bytes());
      else if (tag === SCAN.end) end = checkBound(reader.bytes());
      else if (tag === SCAN.bounded) bounded = reader.bool();
      else if (tag === SCAN.limitRows) limitRows = reader.u32();
      else if (tag === SCAN.limitBytes) limitBytes = reader.u32();
      else if (tag === SCAN.reverse) reverse = reader.bool();
      else if (tag === SCAN.keysOnly) keysOnly = reader.bool();
      else if (tag === SCAN.countOnly) countOnly = reader.bool();
      else if (tag === SCAN.mode) mode = modeOf(reader.integer());
      else if (tag === SCAN.minSeq) minSeq = reader.integer();
      else if (tag === SCAN.valueBytesMax) valueBytesMax = reader.u32();
      else if (tag === SCAN.valuesCut) valuesCut = reader.bool();
      else reader.skipField(tag);
    }
    const keys = { start, end: bounded ? end : null };
    const cut = { valueBytesMax: valuesCut ? valueBytesMax : null };
    const limits = { limitRows, limitBytes, reverse, keysOnly, countOnly, ...cut };
    return { kind: 'scan', range, epoch, ...keys, ...limits, mode, minSeq };
  },
};

const SCAN_REPLY = {
  rows: ROWS,
  count: integer(2),
  bound: bytes(3),
  bounded: integer(4),
  epoch: integer(5),
  stale: integer(6),
  staleKnown: integer(7),
  staleMs: double(8),
  appliedSeq: integer(9),
} as const;

export const scanReply: BodyCodec<ScanReply> = {
  field: 10,

  size(body) {
    const { rows, count, bound } = body;
    const upTo = bound === null ? 0 : bytesSize(bound.length) + boolSize(true);
    return rows.length + integerSize(count) + upTo + guaranteeSize(body);
  },

  put(writer, body) {
    for (const part of body.rows.parts) writer.raw(part);
    writer.integer(SCAN_REPLY.count, body.count);
    if (body.bound !== null) {
      writer.bytes(SCAN_REPLY.bound, body.bound);
      writer.bool(SCAN_REPLY.bounded, true);
    }
    putGuarantee(writer, SCAN_REPLY, body);
  },

  read(reader) {
    const rows = readRows(reader);
    let count = 0;
    let bound = emptyBytes;
    let bounded = false;
    let epoch = 0;
    let stale = false;
    let staleKnown = false;
    let staleMs = 0;
    let appliedSeq = 0;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      check(tag !== SCAN_REPLY.rows, 'rows behind other fields');
      if (tag === SCAN_REPLY.count) count = reader.integer();
      else if (tag === SCAN_REPLY.bound) bound = checkBound(reader.bytes());
      else if (tag === SCAN_REPLY.bounded) bounded = reader.bool();
      else if (tag === SCAN_REPLY.epoch) epoch = reader.integer();
      else if (tag === SCAN_REPLY.stale) stale = reader.bool();
      else if (tag === SCAN_REPLY.staleKnown) staleKnown = reader.bool();
      else if (tag === SCAN_REPLY.staleMs) staleMs = reader.double();
      else if (tag === SCAN_REPLY.appliedSeq) appliedSeq = reader.integer();
      else reader.skipField(tag);
    }
    checkFinite(staleMs, 'staleMs');
    const guarantee = { epoch, stale, staleMs: staleKnown ? staleMs : null, appliedSeq };
    return { kind: 'scan-reply', rows, count, bound: bounded ? bound : null, ...guarantee };
  },
};

/** The rows come before all other fields, so they are taken as one piece, without decoding. */
function readRows(reader: Reader): EncodedRows {
  const begin = reader.pos;
  while (reader.hasMore && reader.buf[reader.pos] === SCAN_REPLY.rows) {
    reader.pos++;
    reader.passBytes();
  }
  return new EncodedRows([reader.viewOf(begin, reader.pos - begin)]);
}
