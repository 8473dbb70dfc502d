// What every message's codec is made of: tags, sizes, a reader and a writer of fields in protobuf's format. protobufjs knows the
// format itself (tags, strings, doubles, what to skip); the reader adds what it lacks, 64-bit integers that are safe numbers
// or refused, where the library would hand out Long objects or round above 2^53 without a word. It is shared with whatever
// else the process runs, so it is not reconfigured. All fields but those of Frame have numbers below 16: a tag of one byte.

import protobuf from 'protobufjs/minimal.js';
import { type Bytes, byteAt, emptyBytes, toBytes } from '../base/bytes.ts';
import { putVarint, readVarint, VARINT_BYTES_MAX, varintSize } from '../base/integers.ts';
import { check } from './checks.ts';

const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const TYPE_BITS = 3;
const TYPE_MASK = 7;
const U32_MAX = 2 ** 32 - 1;

/** The tag of a field of an integer, a bool or an enum. */
export const integer = (field: number): number => field << TYPE_BITS;
/** The tag of a field of bytes, a string or a message. */
export const bytes = (field: number): number => (field << TYPE_BITS) | LENGTH_DELIMITED;
/** The tag of a field of a double. */
export const double = (field: number): number => (field << TYPE_BITS) | FIXED_64;

/** How one message of the schema becomes bytes, and what a program sees of it. */
export interface MessageCodec<T> {
  /** Bytes that `put` will write. Throws RangeError for a number that is no safe integer. */
  size(message: T): number;
  /** Writes the fields; the writer has room for them. */
  put(writer: Writer, message: T): void;
  /** Reads fields while the reader has more. Byte fields are views. Throws where a limit is broken or the bytes are bad. */
  read(reader: Reader): T;
}

/** The codec of a message that a Frame may hold as its body. */
export interface BodyCodec<T> extends MessageCodec<T> {
  /** Frame's field for it. */
  readonly field: number;
}

/** The codec of a body without fields. */
export function emptyBody<T>(field: number, body: T): BodyCodec<T> {
  return {
    field,
    size: () => 0,
    put: () => {},
    read(reader) {
      while (reader.hasMore) reader.skipField(reader.fieldTag());
      return body;
    },
  };
}

// ---- sizes: what the writer's methods of the same names write ----------------------------------------------------

export function integerSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

export function boolSize(value: boolean): number {
  return value ? 2 : 0;
}

/** @param length of the bytes, or of the message */
export function bytesSize(length: number): number {
  return 1 + varintSize(length) + length;
}

export function stringSize(text: string): number {
  return bytesSize(Buffer.byteLength(text));
}

const DOUBLE_BYTES = 8;
export const DOUBLE_SIZE = 1 + DOUBLE_BYTES;

// ---- writing -----------------------------------------------------------------------------------------------------

const scratch = new Uint8Array(DOUBLE_BYTES);
const scratchView = new DataView(scratch.buffer);

/** Writes fields one behind the other. Only `reserve` and `addVarint` make room; fields must have it. */
export class Writer {
  buf: Bytes = emptyBytes;
  pos = 0;

  /** Starts over, in new memory of `size` bytes. */
  begin(size: number): void {
    this.buf = Buffer.allocUnsafe(size);
    this.pos = 0;
  }

  /** Starts over in the same memory: nobody may have what was written there. */
  beginAgain(): void {
    this.pos = 0;
  }

  /** What was written, without a copy: write nothing more. */
  written(): Bytes {
    return this.buf.subarray(0, this.pos);
  }

  /** Makes room for `size` bytes more. */
  reserve(size: number): void {
    const need = this.pos + size;
    if (need <= this.buf.length) return;
    const larger = Buffer.allocUnsafe(Math.max(need, this.buf.length * 2));
    larger.set(this.buf.subarray(0, this.pos));
    this.buf = larger;
  }

  /** A bare number, for which room is made. */
  addVarint(value: number): void {
    varintSize(value);
    this.reserve(VARINT_BYTES_MAX);
    this.varint(value);
  }

  /** A bare number. */
  varint(value: number): void {
    this.pos = putVarint(this.buf, this.pos, value);
  }

  /** Nothing for 0, which is what an absent field means. */
  integer(tag: number, value: number): void {
    if (value === 0) return;
    const { buf, pos } = this;
    buf[pos] = tag;
    this.pos = putVarint(buf, pos + 1, value);
  }

  /** Nothing for false. */
  bool(tag: number, value: boolean): void {
    if (value) this.integer(tag, 1);
  }

  bytes(tag: number, content: Bytes): void {
    this.head(tag, content.length);
    this.raw(content);
  }

  string(tag: number, text: string): void {
    this.bytes(tag, toBytes(text));
  }

  double(tag: number, value: number): void {
    scratchView.setFloat64(0, value, true);
    this.buf[this.pos++] = tag;
    this.raw(scratch);
  }

  message<T>(tag: number, codec: MessageCodec<T>, message: T): void {
    this.head(tag, codec.size(message));
    codec.put(this, message);
  }

  /** The beginning of a field of `length` bytes. */
  head(tag: number, length: number): void {
    const { buf, pos } = this;
    buf[pos] = tag;
    this.pos = putVarint(buf, pos + 1, length);
  }

  /** Bytes as they are: encoded fields, or a field's content. */
  raw(content: Bytes): void {
    this.buf.set(content, this.pos);
    this.pos += content.length;
  }
}

// ---- reading -----------------------------------------------------------------------------------------------------

/** Reads fields up to `len`, the end of the message that it is in. What is cut short or wrong throws. */
export class Reader extends protobuf.Reader {
  get hasMore(): boolean {
    return this.pos < this.len;
  }

  /** The next field's tag; the library's `tag` with a short way for one byte. */
  fieldTag(): number {
    const byte = this.pos < this.len ? byteAt(this.buf, this.pos) : 0x80;
    if (byte >= 0x80) return this.tag();
    this.pos++;
    return byte;
  }

  /** An integer of 64 bits, which must be a safe one. */
  integer(): number {
    return readVarint(this);
  }

  /** An integer of 32 bits: what is above is refused, where protobuf would cut it. */
  u32(): number {
    const value = readVarint(this);
    check(value <= U32_MAX, 'an integer is above 2^32');
    return value;
  }

  /** A view. */
  override bytes(): Bytes {
    const length = this.passBytes();
    return this.viewOf(this.pos - length, length);
  }

  /** Passes a field of bytes and gives its length: it ends where the reader is then. */
  passBytes(): number {
    const length = this.size();
    check(length <= this.len - this.pos, 'bytes are cut short');
    this.pos += length;
    return length;
  }

  /** A view of bytes that were passed. */
  viewOf(at: number, length: number): Bytes {
    return new Uint8Array(this.buf.buffer, this.buf.byteOffset + at, length);
  }

  /** A message within this one. */
  message<T>(codec: MessageCodec<T>): T {
    const outerEnd = this.enter();
    const message = codec.read(this);
    this.leave(outerEnd);
    return message;
  }

  /** Goes into a message: nothing is read beyond its end. Answers the end of the outer one, for `leave`. */
  enter(): number {
    const outerEnd = this.len;
    const length = this.size();
    check(length <= outerEnd - this.pos, 'a message is cut short');
    this.len = this.pos + length;
    return outerEnd;
  }

  leave(outerEnd: number): void {
    this.len = outerEnd;
  }

  /** Passes a field that a newer version may have added. */
  skipField(tag: number): void {
    this.skipType(tag & TYPE_MASK, 0, tag >>> TYPE_BITS);
  }
}

/** The kind of field that a tag says. */
export function isLengthDelimited(tag: number): boolean {
  return (tag & TYPE_MASK) === LENGTH_DELIMITED;
}

export function fieldOf(tag: number): number {
  return tag >>> TYPE_BITS;
}
