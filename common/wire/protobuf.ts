// protobufjs as the codec and the generated code see it: 64-bit integers are plain, safe numbers. The library itself
// would hand out Long objects, or round above 2^53 without a word; it is shared with whatever else the process runs,
// so it is not reconfigured: the reader and the writer here are subclasses, and what generated code is told of the
// library is this file's default export. What both add is for messages laid by hand (hand-laid.ts).

import protobuf from 'protobufjs/minimal.js';
import { putVarint, readVarint, varintSize } from '../base/integers.ts';

const SCRATCH_BYTES = 8;
const scratch = new Uint8Array(SCRATCH_BYTES);
const scratchView = new DataView(scratch.buffer);

export class Reader extends protobuf.Reader {
  /** Reads a varint that must be a safe integer; throws RangeError otherwise. */
  safeInteger(): number {
    return readVarint(this);
  }

  /** Reads a tag; of one byte where the field's number is below 16. */
  shortTag(): number {
    const byte = this.pos < this.len ? (this.buf[this.pos] as number) : 0x80;
    if (byte >= 0x80) return this.tag();
    this.pos++;
    return byte;
  }

  /** Reads a bytes field; what it gives is a view. */
  bytesView(): Uint8Array {
    const length = this.passBytes();
    return this.viewOf(this.pos - length, length);
  }

  /** Passes a bytes field; answers its length. It ends where the reader is then. */
  passBytes(): number {
    const length = this.size();
    if (length > this.len - this.pos) throw new RangeError('bytes are cut short');
    this.pos += length;
    return length;
  }

  /** Bytes that were passed, as a view. */
  viewOf(at: number, length: number): Uint8Array {
    return new Uint8Array(this.buf.buffer, this.buf.byteOffset + at, length);
  }

  /** What was read from a place on, as a view. */
  viewFrom(at: number): Uint8Array {
    return new Uint8Array(this.buf.buffer, this.buf.byteOffset + at, this.pos - at);
  }
}
// What generated code calls. The base class declares a Long here, hence no ordinary override.
Object.defineProperty(Reader.prototype, 'uint64', { value: Reader.prototype.safeInteger });

export class Writer extends protobuf.BufferWriter {
  /** Starts over, in `bytes` of new memory. */
  begin(bytes: number): void {
    this.buf = Buffer.allocUnsafe(bytes);
    this.beginAgain();
  }

  /** Starts over in the same memory: nobody may have what was written there. */
  beginAgain(): void {
    this.pos = 0;
    this.view = null;
  }

  /** What was written, without a copy: write nothing more. */
  written(): Uint8Array {
    return this.buf.subarray(0, this.pos);
  }

  override uint64(value: protobuf.Long | number | string): protobuf.Writer {
    if (!Number.isSafeInteger(value) || (value as number) < 0)
      throw new RangeError(`${value} is not a safe integer`);
    return (value as number) < 0x1_0000_0000 ? this.uint32(value as number) : super.uint64(value);
  }

  /** Makes room for `bytes` more: `put…` below do not look. */
  reserve(bytes: number): void {
    const need = this.pos + bytes;
    if (need <= this.buf.length) return;
    const larger = Buffer.allocUnsafe(Math.max(need, this.buf.length * 2));
    larger.set(this.buf.subarray(0, this.pos));
    this.buf = larger;
    this.view = null;
  }

  putByte(byte: number): void {
    this.buf[this.pos++] = byte;
  }

  putVarint(value: number): void {
    this.pos = putVarint(this.buf, this.pos, value);
  }

  /** A field of an integer; nothing for 0, which is what an absent one means. */
  putInteger(tag: number, value: number): void {
    if (value === 0) return;
    const { buf, pos } = this;
    buf[pos] = tag;
    this.pos = putVarint(buf, pos + 1, value);
  }

  putBytes(tag: number, bytes: Uint8Array): void {
    this.putHead(tag, bytes.length);
    this.buf.set(bytes, this.pos);
    this.pos += bytes.length;
  }

  /** Fields that are laid already. */
  putLaid(bytes: Uint8Array): void {
    this.buf.set(bytes, this.pos);
    this.pos += bytes.length;
  }

  /** Of a field of `length` bytes that follow. */
  putHead(tag: number, length: number): void {
    const { buf, pos } = this;
    buf[pos] = tag;
    this.pos = putVarint(buf, pos + 1, length);
  }

  putDouble(tag: number, value: number): void {
    scratchView.setFloat64(0, value, true);
    this.buf[this.pos++] = tag;
    this.buf.set(scratch, this.pos);
    this.pos += SCRATCH_BYTES;
  }
}

/** What {@link Writer.putInteger} writes, with a tag of one byte. */
export function integerBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

/** What {@link Writer.putBytes} writes for so many bytes, with a tag of one byte. */
export function bytesBytes(length: number): number {
  return 1 + varintSize(length) + length;
}

/** What {@link Writer.putDouble} writes, with a tag of one byte. */
export const DOUBLE_BYTES = 1 + SCRATCH_BYTES;

export default { Reader, Writer, util: { ...protobuf.util, Long: undefined }, roots: {} };
