// Envelopes to bytes and back. The two outer levels, Envelope and Frame, are walked here, one frame after the other; the codecs of
// the bodies are in bodies.ts. The length of a message is added up first, then its bytes go to their places, and what is
// read is at once what the rest of the code sees. Decoding trusts nothing: whatever bytes come in, the result is frames that
// keep every limit, or RangekeeperError MALFORMED.

import { assert } from '../base/assert.ts';
import { type Bytes, emptyBytes } from '../base/bytes.ts';
import { VARINT_BYTES_MAX, varintSize } from '../base/integers.ts';
import { LIMITS } from '../model/config.ts';
import { codecOf, codecUnder } from './bodies.ts';
import { check, malformed } from './checks.ts';
import type { Body, Frame } from './messages.ts';
import {
  type BodyCodec,
  bytes,
  fieldOf,
  integer,
  integerSize,
  isLengthDelimited,
  Reader,
  Writer,
} from './protobuf.ts';

const ENVELOPE = { frames: bytes(1) } as const;
const FRAME = { id: integer(1) } as const;

/** Room for a message, to begin with. */
const MESSAGE_BYTES_MIN = 256;
/** So many messages in a row may leave most of the room unused before there is less of it. */
const SMALL_MESSAGES_MAX = 16;

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
    const { writer } = this;
    const codec = codecOf(body);
    const size = codec.size(body);
    putFrameHead(writer, id, bytes(codec.field), size);
    const end = writer.pos + size;
    codec.put(writer, body);
    assert(writer.pos === end, 'an encoder writes as many bytes as it has added up');
    this.frames++;
  }

  private begin(): void {
    if (this.given) this.writer.begin(this.bytesExpected);
    else this.writer.beginAgain();
    this.given = false;
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

/** Makes room for the frame, and writes all of it that comes before its body of `size` bytes. */
function putFrameHead(writer: Writer, id: number, tag: number, size: number): void {
  const frame = integerSize(id) + varintSize(tag) + varintSize(size) + size;
  writer.reserve(1 + VARINT_BYTES_MAX + frame);
  writer.head(ENVELOPE.frames, frame);
  writer.integer(FRAME.id, id);
  writer.varint(tag);
  writer.varint(size);
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
      check(reader.fieldTag() === ENVELOPE.frames, 'not an envelope');
      return this.frame();
    } catch (error) {
      throw malformed(error);
    }
  }

  private frame(): Body {
    const { reader } = this;
    const outerEnd = reader.enter();
    this.id = 0;
    let body: Body | null = null;
    while (reader.hasMore) {
      const tag = reader.fieldTag();
      if (tag === FRAME.id) this.id = reader.integer();
      else {
        check(body === null, 'two bodies in one frame');
        body = reader.message(bodyCodec(tag));
      }
    }
    reader.leave(outerEnd);
    if (body === null) throw new RangeError('frame without a body');
    return body;
  }
}

/** A body of a kind that is not known cannot be skipped: its sender waits for an answer. */
function bodyCodec(tag: number): BodyCodec<Body> {
  const codec = isLengthDelimited(tag) ? codecUnder(fieldOf(tag)) : undefined;
  if (codec === undefined) throw new RangeError(`unknown message kind ${fieldOf(tag)}`);
  return codec;
}

/** All frames of a message. Throws RangekeeperError MALFORMED. */
export function decodeEnvelope(message: Bytes): Frame[] {
  const reader = new EnvelopeReader(message);
  const frames: Frame[] = [];
  for (let body = reader.next(); body !== null; body = reader.next()) frames.push({ id: reader.id, body });
  return frames;
}
