// Encodes and decodes Envelopes. The two outer levels, Envelope and Frame, are handled here; the codecs of bodies are in bodies.ts.
// An encoder adds up the length of a message first, then writes it. A decoder makes the objects that the rest of the code uses,
// without another step. It trusts nothing: from any bytes come frames that keep every limit, or RangekeeperError MALFORMED.

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

/** The smallest memory for a message. */
const MESSAGE_BYTES_MIN = 256;
/** After this many small messages in a row the memory for the next ones shrinks. */
const SMALL_MESSAGES_MAX = 16;

/** Gathers frames into one message. */
export class EnvelopeWriter {
  readonly #writer = new Writer();
  /** The expected size of the next message, from that of the last messages that were not small. */
  #bytesExpected = MESSAGE_BYTES_MIN;
  /** Whether the writer's memory has been given away with a message. */
  #handedOver = true;
  #smallMessages = 0;
  frames = 0;

  /** Bytes gathered so far. */
  get bytes(): number {
    return this.frames === 0 ? 0 : this.#writer.pos;
  }

  /** Adds a frame, which is copied. */
  add(id: number, body: Body): void {
    if (this.frames === 0) this.#begin();
    const writer = this.#writer;
    const codec = codecOf(body);
    const size = codec.size(body);
    putFrameHead(writer, id, bytes(codec.field), size);
    const end = writer.pos + size;
    codec.put(writer, body);
    assert(writer.pos === end, 'an encoder writes as many bytes as it has computed');
    this.frames++;
  }

  #begin(): void {
    if (this.#handedOver) this.#writer.begin(this.#bytesExpected);
    else this.#writer.beginAgain();
    this.#handedOver = false;
  }

  /** Returns the message, and empties the writer. */
  take(): Bytes {
    const message = this.frames === 0 ? emptyBytes : this.#detach();
    assert(message.length <= LIMITS.messageBytesMax, 'a message keeps its limit');
    this.clear();
    return message;
  }

  /** A large message is handed over with its memory. A small one is copied, so that the large memory is used again. */
  #detach(): Bytes {
    const written = this.#writer.written();
    const { length } = written;
    const isSmall = length < this.#writer.buf.length / 4 && this.#smallMessages < SMALL_MESSAGES_MAX;
    this.#smallMessages = isSmall ? this.#smallMessages + 1 : 0;
    if (isSmall) return Buffer.from(written);
    const decayed = this.#bytesExpected - (this.#bytesExpected >>> 3);
    this.#bytesExpected = Math.max(MESSAGE_BYTES_MIN, length + (length >>> 3), decayed);
    this.#handedOver = true;
    return written;
  }

  clear(): void {
    this.frames = 0;
  }
}

/** Makes room for a frame, and writes everything before its body of `size` bytes. */
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

/** Reads the frames of one message, one after the other. Byte fields are views of the message. */
export class EnvelopeReader {
  /** The id of the frame that was read last. */
  id = 0;
  readonly #reader: Reader;

  constructor(message: Bytes) {
    this.#reader = new Reader(message);
  }

  /** The next frame's body; null after the last one. Throws RangekeeperError MALFORMED, after which nothing more may be read. */
  next(): Body | null {
    const reader = this.#reader;
    try {
      if (reader.pos === 0) check(reader.len <= LIMITS.messageBytesMax, 'message too long');
      if (reader.pos >= reader.len) return null;
      check(reader.fieldTag() === ENVELOPE.frames, 'not an envelope');
      return this.#frame();
    } catch (error) {
      throw malformed(error);
    }
  }

  #frame(): Body {
    const reader = this.#reader;
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

/** A body of an unknown kind is refused, not skipped, because its sender may wait for an answer. */
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
