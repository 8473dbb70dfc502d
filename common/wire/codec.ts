// Envelopes to bytes and back. The two outer levels (Envelope, Frame) are walked here by hand: one pass, no object for
// a frame but the one handed on, no look at 17 alternatives. So are the bodies that every request passes through
// (hand-laid.ts); the others are generated code. Decoding trusts nothing: whatever bytes come in, the result is frames that
// keep every limit, or RangekeeperError MALFORMED.

import { assert, never } from '../base/assert.ts';
import { type Bytes, emptyBytes } from '../base/bytes.ts';
import { ERROR_TABLE, errorCodeFromWire } from '../base/errors.ts';
import { LIMITS } from '../model/config.ts';
import { check, checkBound, checkKey, checkValue, malformed } from './checks.ts';
import { checkAck, checkAppend, checkChunk, checkDigest, checkSnapshotAck } from './claims.ts';
import type { WireRow } from './encoded-rows.ts';
import { rangekeeper as pb } from './generated/rangekeeper.js';
import {
  limit,
  putAppend,
  putAppendAck,
  putGet,
  putGetReply,
  putScanReply,
  putWrite,
  putWriteReply,
  readAppend,
  readAppendAck,
  readGet,
  readGetReply,
  readScanReply,
  readWrite,
  readWriteReply,
} from './hand-laid.ts';
import {
  type Body,
  CLIENT_ID_BYTES,
  type ErrorReply,
  type Frame,
  type ScanRequest,
  type SnapshotChunk,
  type WireReadMode,
  type WireSession,
} from './messages.ts';
import { Reader, Writer } from './protobuf.ts';

/** A cluster's or a node's id on the wire; a client has none. */
const NAME = /^[A-Za-z0-9._:-]{0,64}$/;
const ERROR_TEXT_MAX = 64 * 1024;
const FRAMES_FIELD = 1;
const ID_FIELD = 1;
const LENGTH_DELIMITED = 2;

/** Frame's field numbers in rangekeeper.proto. */
const FIELD = {
  hello: 2,
  'hello-reply': 3,
  error: 4,
  write: 5,
  'write-reply': 6,
  get: 7,
  'get-reply': 8,
  scan: 9,
  'scan-reply': 10,
  status: 11,
  'status-reply': 12,
  append: 13,
  'append-ack': 14,
  'snapshot-chunk': 15,
  'snapshot-ack': 16,
  ping: 17,
  pong: 18,
  'replica-digest': 19,
  'damage-verdict': 20,
  check: 21,
  'check-reply': 22,
} as const satisfies Record<Body['kind'], number>;

const KIND_OF_FIELD: readonly (Body['kind'] | undefined)[] = fieldTable();

function fieldTable(): (Body['kind'] | undefined)[] {
  const table: (Body['kind'] | undefined)[] = [];
  for (const kind of Object.keys(FIELD) as Body['kind'][]) table[FIELD[kind]] = kind;
  return table;
}

/** Room for a message, to begin with. */
const MESSAGE_BYTES_MIN = 256;
/** So many messages in a row may leave most of the room unused before there is less of it. */
const SMALL_MESSAGES_MAX = 16;

/** What is not laid by hand. */
type GeneratedBody = Exclude<
  Body,
  { kind: 'write' | 'write-reply' | 'get' | 'get-reply' | 'scan-reply' | 'append' | 'append-ack' }
>;

/** Gathers frames into one message. */
export class EnvelopeWriter {
  private readonly writer = new Writer();
  /** The next message will have about as many bytes as the last one that was not small. */
  private bytesExpected = MESSAGE_BYTES_MIN;
  /** Whether the writer's memory has been given away with a message. */
  private given = true;
  private smallMessages = 0;
  frames = 0;

  /** Bytes gathered so far. */
  get bytes(): number {
    return this.frames === 0 ? 0 : this.writer.pos;
  }

  /** Copies the frame in. */
  add(id: number, body: Body): void {
    if (this.frames === 0) this.begin();
    this.put(id, body);
    this.frames++;
  }

  private begin(): void {
    if (this.given) this.writer.begin(this.bytesExpected);
    else this.writer.beginAgain();
    this.given = false;
  }

  private put(id: number, body: Body): void {
    const { writer } = this;
    switch (body.kind) {
      case 'write':
        return putWrite(writer, id, FIELD.write, body);
      case 'write-reply':
        return putWriteReply(writer, id, FIELD['write-reply'], body);
      case 'get':
        return putGet(writer, id, FIELD.get, body);
      case 'get-reply':
        return putGetReply(writer, id, FIELD['get-reply'], body);
      case 'scan-reply':
        return putScanReply(writer, id, FIELD['scan-reply'], body);
      case 'append':
        return putAppend(writer, id, FIELD.append, body);
      case 'append-ack':
        return putAppendAck(writer, id, FIELD['append-ack'], body);
      default:
        this.putGenerated(id, body);
    }
  }

  private putGenerated(id: number, body: GeneratedBody): void {
    const { writer } = this;
    writer.uint32((FRAMES_FIELD << 3) | LENGTH_DELIMITED).fork();
    if (id !== 0) writer.uint32(ID_FIELD << 3).uint64(id);
    writer.uint32((FIELD[body.kind] << 3) | LENGTH_DELIMITED).fork();
    encodeBody(body, writer);
    writer.ldelim().ldelim();
  }

  /** The message; the writer is empty again. */
  take(): Bytes {
    const message = this.frames === 0 ? emptyBytes : this.give();
    assert(message.length <= LIMITS.messageBytesMax, 'a message keeps its limit');
    this.clear();
    return message;
  }

  /** Large messages take turns with small ones, which are copied out: large memory for each would only feed the collector. */
  private give(): Bytes {
    const written = this.writer.written();
    const { length } = written;
    const isSmall = length < this.writer.buf.length / 4 && this.smallMessages < SMALL_MESSAGES_MAX;
    this.smallMessages = isSmall ? this.smallMessages + 1 : 0;
    if (isSmall) return Buffer.from(written);
    const faded = this.bytesExpected - (this.bytesExpected >>> 3);
    this.bytesExpected = Math.max(MESSAGE_BYTES_MIN, length + (length >>> 3), faded);
    this.given = true;
    return written;
  }

  clear(): void {
    this.frames = 0;
  }
}

export function encodeEnvelope(frames: Iterable<Frame>): Bytes {
  const writer = new EnvelopeWriter();
  for (const { id, body } of frames) writer.add(id, body);
  return writer.take();
}

/** Reads the frames of one message, one after the other. Byte fields are views into the message. */
export class EnvelopeReader {
  /** Of the frame that was read last. */
  id = 0;
  private readonly reader: Reader;

  constructor(message: Bytes) {
    this.reader = new Reader(message);
  }

  /** The next frame's body; null behind the last one. Throws RangekeeperError MALFORMED; read nothing more then. */
  next(): Body | null {
    const { reader } = this;
    try {
      if (reader.pos === 0) check(reader.len <= LIMITS.messageBytesMax, 'message too long');
      if (reader.pos >= reader.len) return null;
      check(reader.shortTag() === ((FRAMES_FIELD << 3) | LENGTH_DELIMITED), 'not an envelope');
      return this.frame(reader.size());
    } catch (error) {
      throw malformed(error);
    }
  }

  private frame(length: number): Body {
    const { reader } = this;
    const outerEnd = reader.len;
    const end = reader.pos + length;
    check(end <= outerEnd, 'frame cut short');
    reader.len = end;
    this.id = 0;
    let body: Body | null = null;
    while (reader.pos < end) {
      const tag = reader.tag();
      if (tag === ID_FIELD << 3) {
        this.id = reader.safeInteger();
        continue;
      }
      const kind = (tag & 7) === LENGTH_DELIMITED ? KIND_OF_FIELD[tag >>> 3] : undefined;
      if (kind === undefined) throw new RangeError(`unknown message kind ${tag >>> 3}`);
      check(body === null, 'two bodies in one frame');
      body = decodeBody(kind, reader, reader.size());
      reader.len = end;
    }
    if (body === null) throw new RangeError('frame without a body');
    reader.len = outerEnd;
    return body;
  }
}

/** All frames of a message. Throws RangekeeperError MALFORMED. */
export function decodeEnvelope(message: Bytes): Frame[] {
  const reader = new EnvelopeReader(message);
  const frames: Frame[] = [];
  for (let body = reader.next(); body !== null; body = reader.next()) frames.push({ id: reader.id, body });
  return frames;
}

// ---- bodies ------------------------------------------------------------------------------------------------------

const READ_MODE: Readonly<Record<WireReadMode, number>> = {
  linearizable: pb.ReadMode.READ_LINEARIZABLE,
  stale: pb.ReadMode.READ_STALE,
};

function encodeBody(body: GeneratedBody, writer: Writer): void {
  switch (body.kind) {
    case 'hello':
      pb.Hello.encode(body, writer);
      return;
    case 'hello-reply':
      pb.HelloReply.encode(body, writer);
      return;
    case 'error':
      encodeError(body, writer);
      return;
    case 'scan':
      return encodeScan(body, writer);
    case 'status':
      pb.StatusRequest.encode({}, writer);
      return;
    case 'status-reply':
      pb.StatusReply.encode(body, writer);
      return;
    case 'snapshot-chunk': {
      const { position, end, ...rest } = body;
      const at = { lastEpoch: position.epoch, lastSeq: position.seq };
      const bounds = { end: end ?? emptyBytes, bounded: end !== null };
      const lists = { rows: [...body.rows], clientSessions: [...body.clientSessions] };
      pb.SnapshotChunk.encode({ ...rest, ...at, ...bounds, ...lists }, writer);
      return;
    }
    case 'snapshot-ack':
      pb.SnapshotAck.encode(body, writer);
      return;
    case 'replica-digest': {
      const { digest, ...rest } = body;
      pb.ReplicaDigest.encode({ ...rest, declined: digest === null, ...digest }, writer);
      return;
    }
    case 'damage-verdict': {
      const { range, inc, epoch, seq, expected } = body;
      pb.DamageVerdict.encode({ range, inc, epoch, seq, ...expected }, writer);
      return;
    }
    case 'check':
      pb.CheckRequest.encode(body, writer);
      return;
    case 'check-reply':
      pb.CheckReply.encode(body, writer);
      return;
    case 'ping':
    case 'pong':
      return;
    default:
      never(body);
  }
}

function decodeBody(kind: Body['kind'], reader: Reader, length: number): Body {
  switch (kind) {
    case 'hello':
    case 'hello-reply': {
      const { protocol, clusterId, nodeId } = pb.Hello.decode(reader, length);
      check(NAME.test(clusterId) && NAME.test(nodeId), 'no name');
      return { kind, protocol, clusterId, nodeId };
    }
    case 'error':
      return decodeError(reader, length);
    case 'write':
      return readWrite(reader, limit(reader, length));
    case 'write-reply':
      return readWriteReply(reader, limit(reader, length));
    case 'get':
      return readGet(reader, limit(reader, length));
    case 'get-reply':
      return readGetReply(reader, limit(reader, length));
    case 'scan':
      return decodeScan(reader, length);
    case 'scan-reply':
      return readScanReply(reader, limit(reader, length));
    case 'status':
      pb.StatusRequest.decode(reader, length);
      return { kind };
    case 'status-reply':
      return { kind, json: pb.StatusReply.decode(reader, length).json };
    case 'append':
      return checked(readAppend(reader, limit(reader, length)), checkAppend);
    case 'append-ack':
      return checked(readAppendAck(reader, limit(reader, length)), checkAck);
    case 'snapshot-chunk':
      return checked(decodeChunk(reader, length), checkChunk);
    case 'snapshot-ack': {
      const { range, inc, epoch, snapshot, nextIndex, installed, refused } = pb.SnapshotAck.decode(
        reader,
        length,
      );
      return checked({ kind, range, inc, epoch, snapshot, nextIndex, installed, refused }, checkSnapshotAck);
    }
    case 'replica-digest': {
      const message = pb.ReplicaDigest.decode(reader, length);
      const { range, inc, epoch, seq, format, declined, rows, checksum } = message;
      const digest = declined ? null : { rows, checksum };
      return checked({ kind, range, inc, epoch, seq, format, digest }, checkDigest);
    }
    case 'damage-verdict': {
      const { range, inc, epoch, seq, rows, checksum } = pb.DamageVerdict.decode(reader, length);
      return checked({ kind, range, inc, epoch, seq, expected: { rows, checksum } }, checkDigest);
    }
    case 'check': {
      const { range, epoch, seq } = pb.CheckRequest.decode(reader, length);
      return { kind, range, epoch, seq };
    }
    case 'check-reply':
      return { kind, json: pb.CheckReply.decode(reader, length).json };
    case 'ping':
      pb.Ping.decode(reader, length);
      return { kind };
    case 'pong':
      pb.Pong.decode(reader, length);
      return { kind };
    default:
      return never(kind);
  }
}

function checked<B extends Body>(body: B, check: (body: B) => void): B {
  check(body);
  return body;
}

function encodeError(body: ErrorReply, writer: Writer): void {
  const { message, revision, seq, descriptor } = body;
  const known =
    descriptor === null ? {} : { descriptor: descriptor.data, descriptorVersion: descriptor.version };
  pb.ErrorReply.encode({ code: ERROR_TABLE[body.code].wire, message, revision, seq, ...known }, writer);
}

function decodeError(reader: Reader, length: number): ErrorReply {
  const { code, message, revision, seq, descriptor, descriptorVersion } = pb.ErrorReply.decode(
    reader,
    length,
  );
  check(message.length <= ERROR_TEXT_MAX, 'error text too long');
  const known = descriptor.length === 0 ? null : { data: descriptor, version: descriptorVersion };
  return { kind: 'error', code: errorCodeFromWire(code), message, revision, seq, descriptor: known };
}

/** Field by field: to spread objects into one another costs some 10 µs here. */
function encodeScan(body: ScanRequest, writer: Writer): void {
  const { range, epoch, start, limitRows, limitBytes, reverse, keysOnly, countOnly, minSeq } = body;
  const end = body.end ?? emptyBytes;
  const bounded = body.end !== null;
  const mode = READ_MODE[body.mode];
  pb.ScanRequest.encode(
    { range, epoch, start, end, bounded, limitRows, limitBytes, reverse, keysOnly, countOnly, mode, minSeq },
    writer,
  );
}

function decodeScan(reader: Reader, length: number): Body {
  const { range, epoch, start, end, bounded, mode, minSeq, ...rest } = pb.ScanRequest.decode(reader, length);
  const bounds = { start: checkBound(start), end: bounded ? checkBound(end) : null };
  const { limitRows = 0, limitBytes = 0, reverse = false, keysOnly = false, countOnly = false } = rest;
  const limits = { limitRows, limitBytes, reverse, keysOnly, countOnly };
  return { kind: 'scan', range, epoch, ...bounds, ...limits, mode: readMode(mode), minSeq };
}

function decodeChunk(reader: Reader, length: number): SnapshotChunk {
  const chunk = pb.SnapshotChunk.decode(reader, length);
  const { range, inc, epoch, snapshot, index, last, checksum } = chunk;
  return {
    kind: 'snapshot-chunk',
    ...{ range, inc, epoch, snapshot, index, last, checksum },
    clientSessions: chunk.clientSessions.map(decodeSessionRow),
    position: { epoch: chunk.lastEpoch, seq: chunk.lastSeq },
    start: checkBound(chunk.start),
    end: chunk.bounded ? checkBound(chunk.end) : null,
    rows: chunk.rows.map(decodeRow),
  };
}

function decodeRow(row: pb.Row.$Properties): WireRow {
  const { key, value, revision } = row as pb.Row;
  checkKey(key);
  checkValue(value);
  return { key, value, revision };
}

function decodeSessionRow(row: pb.SessionRow.$Properties): WireSession {
  const { clientId, record } = row as pb.SessionRow;
  check(clientId.length === 0 || clientId.length === CLIENT_ID_BYTES, 'client id is not 16 bytes');
  return { clientId, record };
}

function readMode(mode: number): WireReadMode {
  if (mode === pb.ReadMode.READ_LINEARIZABLE) return 'linearizable';
  check(mode === pb.ReadMode.READ_STALE, `unknown read mode ${mode}`);
  return 'stale';
}
