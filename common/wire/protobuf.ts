// The parts of every message's codec: tags, sizes, a reader and a writer of fields in protobuf's format. The reader extends that of
// protobufjs, which handles tags, strings, doubles and unknown fields. It adds 64-bit integers, which must be safe integers: the
// library would return Long objects, or silently round numbers above 2^53. The library is not reconfigured, because other code of
// the process may use it. All fields except those of Frame have numbers below 16, so that their tags have one byte.

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

/** Encodes and decodes one message of the schema. */
export interface MessageCodec<T> {
  /** How many bytes `put` will write. Throws RangeError for a number that is not a safe integer. */
  size(message: T): number;
  /** Writes the fields. The writer must have room for them. */
  put(writer: Writer, message: T): void;
  /** Reads all fields that the reader has. Byte fields are views. Throws if a limit is broken or the bytes are invalid. */
  read(reader: Reader): T;
}

/** The codec of a message that can be the body of a Frame. */
export interface BodyCodec<T> extends MessageCodec<T> {
  /** The number of its field in Frame. */
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

// ---- sizes: how many bytes the writer's methods of the same names write ----------------------------------------------------

export function integerSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

export function boolSize(value: boolean): number {
  return value ? 2 : 0;
}

/** @param length that of the bytes, or of the message */
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

/** Writes fields one after the other. Only `reserve` and `addVarint` make room; for fields there must be room already. */
export class Writer {
  buf: Bytes = emptyBytes;
  pos = 0;

  /** Starts anew in new memory of `size` bytes. */
  begin(size: number): void {
    this.buf = Buffer.allocUnsafe(size);
    this.pos = 0;
  }

  /** Starts anew in the same memory. Nobody may use what was written there before. */
  beginAgain(): void {
    this.pos = 0;
  }

  /** The bytes written so far, without a copy. Nothing more may be written to this memory then. */
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

  /** Writes a number without a tag, and makes room for it. */
  addVarint(value: number): void {
    varintSize(value);
    this.reserve(VARINT_BYTES_MAX);
    this.varint(value);
  }

  /** Writes a number without a tag. */
  varint(value: number): void {
    this.pos = putVarint(this.buf, this.pos, value);
  }

  /** Writes nothing for 0, because an absent field means 0. */
  integer(tag: number, value: number): void {
    if (value === 0) return;
    const { buf, pos } = this;
    buf[pos] = tag;
    this.pos = putVarint(buf, pos + 1, value);
  }

  /** Writes nothing for false. */
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

  /** Writes the tag and the length of a field of `length` bytes. */
  head(tag: number, length: number): void {
    const { buf, pos } = this;
    buf[pos] = tag;
    this.pos = putVarint(buf, pos + 1, length);
  }

  /** Writes bytes as they are: encoded fields, or a field's content. */
  raw(content: Bytes): void {
    this.buf.set(content, this.pos);
    this.pos += content.length;
  }
}

// ---- reading -----------------------------------------------------------------------------------------------------

/** Reads fields up to `len`, the end of the present message. Throws if bytes are missing or invalid. */
export class Reader extends protobuf.Reader {
  get hasMore(): boolean {
    return this.pos < this.len;
  }

  /** The next field's tag. It is the library's `tag`, but faster for tags of one byte. */
  fieldTag(): number {
    const byte = this.pos < this.len ? byteAt(this.buf, this.pos) : 0x80;
    if (byte >= 0x80) return this.tag();
    this.pos++;
    return byte;
  }

  /** An integer of 64 bits, which must be a safe integer. */
  integer(): number {
    return readVarint(this);
  }

  /** An integer of 32 bits. A higher one is refused, where protobuf would truncate it. */
  u32(): number {
    const value = readVarint(this);
    check(value <= U32_MAX, 'an integer is above 2^32');
    return value;
  }

  /** The content of a field, as a view. */
  override bytes(): Bytes {
    const length = this.passBytes();
    return this.viewOf(this.pos - length, length);
  }

  /** Skips a field's content and returns its length. The content ends at the reader's new position. */
  passBytes(): number {
    const length = this.size();
    check(length <= this.len - this.pos, 'bytes are incomplete');
    this.pos += length;
    return length;
  }

  /** A view of bytes that were skipped. */
  viewOf(at: number, length: number): Bytes {
    return new Uint8Array(this.buf.buffer, this.buf.byteOffset + at, length);
  }

  /** Reads a message inside the present one. */
  message<T>(codec: MessageCodec<T>): T {
    const outerEnd = this.enter();
    const message = codec.read(this);
    this.leave(outerEnd);
    return message;
  }

  /** Enters an inner message, beyond whose end nothing is read. Returns the end of the outer one, for `leave`. */
  enter(): number {
    const outerEnd = this.len;
    const length = this.size();
    check(length <= outerEnd - this.pos, 'a message is incomplete');
    this.len = this.pos + length;
    return outerEnd;
  }

  leave(outerEnd: number): void {
    this.len = outerEnd;
  }

  /** Skips a field that is not known: a newer version may have added it. */
  skipField(tag: number): void {
    this.skipType(tag & TYPE_MASK, 0, tag >>> TYPE_BITS);
  }
}

/** Whether the tag is that of bytes, a string or a message. */
export function isLengthDelimited(tag: number): boolean {
  return (tag & TYPE_MASK) === LENGTH_DELIMITED;
}

export function fieldOf(tag: number): number {
  return tag >>> TYPE_BITS;
}
