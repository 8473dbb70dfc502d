// protobufjs as the codec and the generated code see it: 64-bit integers are plain, safe numbers. The library itself
// would hand out Long objects, or round above 2^53 without a word; it is shared with whatever else the process runs,
// so it is not reconfigured: the reader and the writer here are subclasses, and what generated code is told of the
// library is this file's default export.

import protobuf from 'protobufjs/minimal.js';

export class Reader extends protobuf.Reader {
  /** Reads a varint that must be a safe integer; throws RangeError otherwise. */
  safeInteger(): number {
    const { buf, len } = this;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8 && this.pos < len; i++) {
      const byte = buf[this.pos++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new RangeError('a 64-bit integer is cut short or above 2^53');
  }
}
// What generated code calls. The base class declares a Long here, hence no ordinary override.
Object.defineProperty(Reader.prototype, 'uint64', { value: Reader.prototype.safeInteger });

export class Writer extends protobuf.BufferWriter {
  /** What was written, without a copy: write nothing more. */
  written(): Uint8Array {
    return this.buf.subarray(0, this.pos);
  }

  override uint64(value: protobuf.Long | number | string): protobuf.Writer {
    if (!Number.isSafeInteger(value) || (value as number) < 0)
      throw new RangeError(`${value} is not a safe integer`);
    return (value as number) < 0x1_0000_0000 ? this.uint32(value as number) : super.uint64(value);
  }
}

export default { Reader, Writer, util: { ...protobuf.util, Long: undefined }, roots: {} };
