// The messages that every request passes through, laid down and read by hand: writes, gets, scans' answers, Appends.
// Generated code makes an object and looks through all fields of a message at every level; here the length of a message
// is added up first, then its bytes go to their places, and what is read is at once what the rest of the code
// sees. Field numbers are rangekeeper.proto's; all are below 16, so a tag is one byte. test/unit/wire/codec.test.ts holds
// both ways to the schema.

import { emptyBytes } from '../base/bytes.ts';
import { varintSize } from '../base/integers.ts';
import { LIMITS } from '../model/config.ts';
import { check, checkBound, checkKey, checkValue } from './checks.ts';
import { EncodedRows } from './encoded-rows.ts';
import type {
  Append,
  AppendAck,
  GetReply,
  GetRequest,
  ReadStanding,
  ScanReply,
  WireEntry,
  WireReadMode,
  WriteReply,
  WriteRequest,
} from './messages.ts';
import { bytesBytes, DOUBLE_BYTES, integerBytes, type Reader, type Writer } from './protobuf.ts';

const LENGTH_DELIMITED = 2;
const FIXED_64 = 1;

/** Of a field with a varint, of one with bytes, of one with a double. */
const integer = (field: number): number => field << 3;
const bytes = (field: number): number => (field << 3) | LENGTH_DELIMITED;
const double = (field: number): number => (field << 3) | FIXED_64;

const READ_STALE = 1;

/** Envelope and Frame: the head of a frame whose body is under `field` and has `length` bytes; makes room for all of it. */
function putFrameHead(writer: Writer, id: number, field: number, length: number): void {
  const frame = integerBytes(id) + bytesBytes(length);
  writer.reserve(bytesBytes(frame));
  writer.putHead(bytes(1), frame);
  writer.putInteger(integer(1), id);
  writer.putHead(bytes(field), length);
}

// ---- writes ------------------------------------------------------------------------------------------------------

export function putWrite(writer: Writer, id: number, field: number, body: WriteRequest): void {
  const { range, epoch, operation } = body;
  const length = integerBytes(range) + integerBytes(epoch) + bytesBytes(operation.length);
  putFrameHead(writer, id, field, length);
  writer.putInteger(integer(1), range);
  writer.putInteger(integer(2), epoch);
  writer.putBytes(bytes(3), operation);
}

export function readWrite(reader: Reader, end: number): WriteRequest {
  let range = 0;
  let epoch = 0;
  let operation = emptyBytes;
  while (reader.pos < end) {
    const tag = reader.shortTag();
    if (tag === integer(1)) range = reader.safeInteger();
    else if (tag === integer(2)) epoch = reader.safeInteger();
    else if (tag === bytes(3)) operation = reader.bytesView();
    else skip(reader, tag);
  }
  check(operation.length <= LIMITS.operationBytesMax, 'operation too long');
  return { kind: 'write', range, epoch, operation };
}

export function putWriteReply(writer: Writer, id: number, field: number, body: WriteReply): void {
  const { revision, epoch, deleted } = body;
  putFrameHead(writer, id, field, integerBytes(revision) + integerBytes(epoch) + integerBytes(deleted));
  writer.putInteger(integer(1), revision);
  writer.putInteger(integer(2), epoch);
  writer.putInteger(integer(3), deleted);
}

export function readWriteReply(reader: Reader, end: number): WriteReply {
  let revision = 0;
  let epoch = 0;
  let deleted = 0;
  while (reader.pos < end) {
    const tag = reader.shortTag();
    if (tag === integer(1)) revision = reader.safeInteger();
    else if (tag === integer(2)) epoch = reader.safeInteger();
    else if (tag === integer(3)) deleted = reader.safeInteger();
    else skip(reader, tag);
  }
  return { kind: 'write-reply', revision, epoch, deleted };
}

// ---- gets --------------------------------------------------------------------------------------------------------

export function putGet(writer: Writer, id: number, field: number, body: GetRequest): void {
  const { range, epoch, key, mode, minSeq } = body;
  const wireMode = mode === 'stale' ? READ_STALE : 0;
  const fixed = integerBytes(range) + integerBytes(epoch) + integerBytes(wireMode) + integerBytes(minSeq);
  putFrameHead(writer, id, field, fixed + bytesBytes(key.length));
  writer.putInteger(integer(1), range);
  writer.putInteger(integer(2), epoch);
  writer.putBytes(bytes(3), key);
  writer.putInteger(integer(4), wireMode);
  writer.putInteger(integer(5), minSeq);
}

export function readGet(reader: Reader, end: number): GetRequest {
  let range = 0;
  let epoch = 0;
  let key = emptyBytes;
  let mode: WireReadMode = 'linearizable';
  let minSeq = 0;
  while (reader.pos < end) {
    const tag = reader.shortTag();
    if (tag === integer(1)) range = reader.safeInteger();
    else if (tag === integer(2)) epoch = reader.safeInteger();
    else if (tag === bytes(3)) key = reader.bytesView();
    else if (tag === integer(4)) mode = readMode(reader.safeInteger());
    else if (tag === integer(5)) minSeq = reader.safeInteger();
    else skip(reader, tag);
  }
  checkKey(key);
  return { kind: 'get', range, epoch, key, mode, minSeq };
}

function readMode(mode: number): WireReadMode {
  check(mode === 0 || mode === READ_STALE, `unknown read mode ${mode}`);
  return mode === READ_STALE ? 'stale' : 'linearizable';
}

export function putGetReply(writer: Writer, id: number, field: number, body: GetReply): void {
  const { found, value, revision } = body;
  const row = (found ? 2 : 0) + bytesBytes(value.length) + integerBytes(revision);
  putFrameHead(writer, id, field, row + standingBytes(body));
  if (found) writer.putInteger(integer(1), 1);
  writer.putBytes(bytes(2), value);
  writer.putInteger(integer(3), revision);
  putStanding(writer, 4, body);
}

/** What every answer to a read says of itself. */
function standingBytes({ epoch, stale, staleMs, appliedSeq }: ReadStanding): number {
  const flags = (stale ? 2 : 0) + (staleMs === null ? 0 : 2);
  return flags + integerBytes(epoch) + ((staleMs ?? 0) === 0 ? 0 : DOUBLE_BYTES) + integerBytes(appliedSeq);
}

/** Its five fields, from number `first` on. */
function putStanding(writer: Writer, first: number, body: ReadStanding): void {
  const { epoch, stale, staleMs, appliedSeq } = body;
  const age = staleMs ?? 0;
  writer.putInteger(integer(first), epoch);
  if (stale) writer.putInteger(integer(first + 1), 1);
  if (staleMs !== null) writer.putInteger(integer(first + 2), 1);
  if (age !== 0) writer.putDouble(double(first + 3), age);
  writer.putInteger(integer(first + 4), appliedSeq);
}

export function readGetReply(reader: Reader, end: number): GetReply {
  let found = false;
  let value = emptyBytes;
  let revision = 0;
  let epoch = 0;
  let stale = false;
  let staleKnown = false;
  let staleMs = 0;
  let appliedSeq = 0;
  while (reader.pos < end) {
    const tag = reader.shortTag();
    if (tag === integer(1)) found = reader.bool();
    else if (tag === bytes(2)) value = reader.bytesView();
    else if (tag === integer(3)) revision = reader.safeInteger();
    else if (tag === integer(4)) epoch = reader.safeInteger();
    else if (tag === integer(5)) stale = reader.bool();
    else if (tag === integer(6)) staleKnown = reader.bool();
    else if (tag === double(7)) staleMs = reader.double();
    else if (tag === integer(8)) appliedSeq = reader.safeInteger();
    else skip(reader, tag);
  }
  checkValue(value);
  check(Number.isFinite(staleMs), 'staleMs is not a number');
  const known = staleKnown ? staleMs : null;
  return { kind: 'get-reply', found, value, revision, epoch, stale, staleMs: known, appliedSeq };
}

// ---- scans -------------------------------------------------------------------------------------------------------

export function putScanReply(writer: Writer, id: number, field: number, body: ScanReply): void {
  const { rows, count, bound } = body;
  const page = rows.length + integerBytes(count) + (bound === null ? 0 : bytesBytes(bound.length) + 2);
  putFrameHead(writer, id, field, page + standingBytes(body));
  for (const part of rows.parts) writer.putLaid(part);
  writer.putInteger(integer(2), count);
  if (bound !== null) {
    writer.putBytes(bytes(3), bound);
    writer.putInteger(integer(4), 1);
  }
  putStanding(writer, 5, body);
}

export function readScanReply(reader: Reader, end: number): ScanReply {
  const rowsAt = reader.pos;
  passRows(reader, end);
  const rows = new EncodedRows([reader.viewFrom(rowsAt)]);
  let count = 0;
  let bound = emptyBytes;
  let bounded = false;
  let epoch = 0;
  let stale = false;
  let staleKnown = false;
  let staleMs = 0;
  let appliedSeq = 0;
  while (reader.pos < end) {
    const tag = reader.shortTag();
    check(tag !== bytes(1), 'rows behind other fields');
    if (tag === integer(2)) count = reader.safeInteger();
    else if (tag === bytes(3)) bound = checkBound(reader.bytesView());
    else if (tag === integer(4)) bounded = reader.bool();
    else if (tag === integer(5)) epoch = reader.safeInteger();
    else if (tag === integer(6)) stale = reader.bool();
    else if (tag === integer(7)) staleKnown = reader.bool();
    else if (tag === double(8)) staleMs = reader.double();
    else if (tag === integer(9)) appliedSeq = reader.safeInteger();
    else skip(reader, tag);
  }
  check(Number.isFinite(staleMs), 'staleMs is not a number');
  const standing = { epoch, stale, staleMs: staleKnown ? staleMs : null, appliedSeq };
  return { kind: 'scan-reply', rows, count, bound: bounded ? bound : null, ...standing };
}

/** The rows come first and stand together. */
function passRows(reader: Reader, end: number): void {
  while (reader.pos < end && reader.buf[reader.pos] === bytes(1)) {
    reader.pos++;
    const length = reader.size();
    check(length <= end - reader.pos, 'a row is cut short');
    reader.pos += length;
  }
}

// ---- appends -----------------------------------------------------------------------------------------------------

export function putAppend(writer: Writer, id: number, field: number, body: Append): void {
  const { range, inc, epoch, prev, entries, commitSeq, echo } = body;
  let length =
    integerBytes(range) +
    integerBytes(inc) +
    integerBytes(epoch) +
    integerBytes(prev.epoch) +
    integerBytes(prev.seq) +
    integerBytes(commitSeq) +
    (echo === null ? 0 : 2 + DOUBLE_BYTES);
  for (const entry of entries) length += bytesBytes(entryBytes(entry));
  putFrameHead(writer, id, field, length);
  writer.putInteger(integer(1), range);
  writer.putInteger(integer(2), inc);
  writer.putInteger(integer(3), epoch);
  writer.putInteger(integer(4), prev.epoch);
  writer.putInteger(integer(5), prev.seq);
  for (const entry of entries) {
    writer.putHead(bytes(6), entryBytes(entry));
    writer.putInteger(integer(1), entry.epoch);
    writer.putInteger(integer(2), entry.seq);
    writer.putInteger(integer(3), entry.kind);
    writer.putBytes(bytes(4), entry.payload);
  }
  writer.putInteger(integer(7), commitSeq);
  if (echo === null) return;
  writer.putInteger(integer(8), 1);
  writer.putDouble(double(9), echo);
}

function entryBytes({ epoch, seq, kind, payload }: WireEntry): number {
  return integerBytes(epoch) + integerBytes(seq) + 1 + varintSize(kind) + bytesBytes(payload.length);
}

export function readAppend(reader: Reader, end: number): Append {
  let range = 0;
  let inc = 0;
  let epoch = 0;
  const prev = { epoch: 0, seq: 0 };
  const entries: WireEntry[] = [];
  let commitSeq = 0;
  let echoed = false;
  let echo = 0;
  while (reader.pos < end) {
    const tag = reader.shortTag();
    if (tag === bytes(6)) entries.push(readEntry(reader));
    else if (tag === integer(1)) range = reader.safeInteger();
    else if (tag === integer(2)) inc = reader.safeInteger();
    else if (tag === integer(3)) epoch = reader.safeInteger();
    else if (tag === integer(4)) prev.epoch = reader.safeInteger();
    else if (tag === integer(5)) prev.seq = reader.safeInteger();
    else if (tag === integer(7)) commitSeq = reader.safeInteger();
    else if (tag === integer(8)) echoed = reader.bool();
    else if (tag === double(9)) echo = reader.double();
    else skip(reader, tag);
  }
  check(Number.isFinite(echo), 'echo is not a number');
  return { kind: 'append', range, inc, epoch, prev, entries, commitSeq, echo: echoed ? echo : null };
}

function readEntry(reader: Reader): WireEntry {
  const outerEnd = reader.len;
  const end = limit(reader, reader.size());
  let epoch = 0;
  let seq = 0;
  let kind = 0;
  let payload = emptyBytes;
  while (reader.pos < end) {
    const tag = reader.shortTag();
    if (tag === integer(1)) epoch = reader.safeInteger();
    else if (tag === integer(2)) seq = reader.safeInteger();
    else if (tag === integer(3)) kind = reader.safeInteger();
    else if (tag === bytes(4)) payload = reader.bytesView();
    else skip(reader, tag);
  }
  reader.len = outerEnd;
  check(kind === 1 || kind === 2 || kind === 3, `unknown entry kind ${kind}`);
  check(payload.length <= LIMITS.operationBytesMax, 'entry too long');
  return { epoch, seq, kind, payload };
}

export function putAppendAck(writer: Writer, id: number, field: number, body: AppendAck): void {
  const { range, inc, epoch, ackedSeq, rejection, stamp, unfit, contradiction } = body;
  const numbers = integerBytes(range) + integerBytes(inc) + integerBytes(epoch) + integerBytes(ackedSeq);
  const flags = (rejection === null ? 0 : 2 + rejectionBytes(rejection)) + (unfit ? 2 : 0);
  const claim = contradiction ?? 0;
  putFrameHead(writer, id, field, numbers + flags + integerBytes(claim) + DOUBLE_BYTES);
  writer.putInteger(integer(1), range);
  writer.putInteger(integer(2), inc);
  writer.putInteger(integer(3), epoch);
  writer.putInteger(integer(4), ackedSeq);
  if (rejection !== null) {
    writer.putInteger(integer(5), 1);
    writer.putInteger(integer(6), rejection.newest.epoch);
    writer.putInteger(integer(7), rejection.newest.seq);
    writer.putInteger(integer(9), rejection.prevSeq);
  }
  writer.putDouble(double(8), stamp);
  if (unfit) writer.putInteger(integer(10), 1);
  writer.putInteger(integer(11), claim);
}

function rejectionBytes({ prevSeq, newest }: NonNullable<AppendAck['rejection']>): number {
  return integerBytes(newest.epoch) + integerBytes(newest.seq) + integerBytes(prevSeq);
}

export function readAppendAck(reader: Reader, end: number): AppendAck {
  let range = 0;
  let inc = 0;
  let epoch = 0;
  let ackedSeq = 0;
  let rejected = false;
  let lastEpoch = 0;
  let lastSeq = 0;
  let prevSeq = 0;
  let stamp = 0;
  let unfit = false;
  let contradiction = 0;
  while (reader.pos < end) {
    const tag = reader.shortTag();
    if (tag === integer(1)) range = reader.safeInteger();
    else if (tag === integer(2)) inc = reader.safeInteger();
    else if (tag === integer(3)) epoch = reader.safeInteger();
    else if (tag === integer(4)) ackedSeq = reader.safeInteger();
    else if (tag === integer(5)) rejected = reader.bool();
    else if (tag === integer(6)) lastEpoch = reader.safeInteger();
    else if (tag === integer(7)) lastSeq = reader.safeInteger();
    else if (tag === double(8)) stamp = reader.double();
    else if (tag === integer(9)) prevSeq = reader.safeInteger();
    else if (tag === integer(10)) unfit = reader.bool();
    else if (tag === integer(11)) contradiction = reader.safeInteger();
    else skip(reader, tag);
  }
  check(Number.isFinite(stamp), 'stamp is not a number');
  const rejection = rejected ? { prevSeq, newest: { epoch: lastEpoch, seq: lastSeq } } : null;
  return {
    kind: 'append-ack',
    range,
    inc,
    epoch,
    ackedSeq,
    rejection,
    stamp,
    unfit,
    contradiction: contradiction === 0 ? null : contradiction,
  };
}

// ---- reading -----------------------------------------------------------------------------------------------------

/** Nothing is read beyond `length` bytes from here; answers where that is. The caller widens `len` again. */
export function limit(reader: Reader, length: number): number {
  const end = reader.pos + length;
  check(end <= reader.len, 'a message is cut short');
  reader.len = end;
  return end;
}

/** A field that a newer version may have added. */
export function skip(reader: Reader, tag: number): void {
  reader.skipType(tag & 7, 0, tag >>> 3);
}
