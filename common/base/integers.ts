// Encodes whole numbers from 0 to 2^53 - 1 in the three forms that files and messages use. `le` (little-endian): in the log and in
// LevelDB's files. `be` (big-endian): in keys of the state store, so that they sort as their numbers do. Varint: seven bits a byte,
// the lowest first, in protobuf and LevelDB. A read outside of the bytes throws RangeError.

import { type Bytes, byteAt } from './bytes.ts';

const TWO_32 = 2 ** 32;

export function viewOf(bytes: Bytes): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

// ---- fixed width -------------------------------------------------------------------------------------------------

export function getU32le(bytes: Bytes, at: number): number {
  return viewOf(bytes).getUint32(at, true);
}

/** Takes a view, because a record of the log has many such numbers. */
export function putU64le(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, (value / TWO_32) >>> 0, true);
}

export function getU64le(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);
}

/** Works byte by byte, as `getU32be` does: a key has one such number, and a view would cost more than it saves. */
export function putU32be(into: Bytes, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

export function getU32be(bytes: Bytes, at: number): number {
  const low = (byteAt(bytes, at + 1) << 16) | (byteAt(bytes, at + 2) << 8) | byteAt(bytes, at + 3);
  return byteAt(bytes, at) * 0x100_0000 + low;
}

export function putU64be(into: Bytes, at: number, value: number): void {
  putU32be(into, at, (value / TWO_32) >>> 0);
  putU32be(into, at + 4, value >>> 0);
}

export function getU64be(bytes: Bytes, at: number): number {
  return getU32be(bytes, at) * TWO_32 + getU32be(bytes, at + 4);
}

// ---- varints -----------------------------------------------------------------------------------------------------

/** The length of the longest varint of a safe integer. */
export const VARINT_BYTES_MAX = 8;

/** How many bytes the varint takes. Throws RangeError if `value` is not a safe integer, or negative. */
export function varintSize(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a safe integer`);
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let size = 4;
  for (let rest = value / 0x1000_0000; rest >= 1; rest /= 0x80) size++;
  return size;
}

/** Writes `varintSize(value)` bytes at `at` and returns their end. There must be room for them. */
export function putVarint(into: Bytes, at: number, value: number): number {
  if (value >= 0x80) return putLongVarint(into, at, value);
  into[at] = value;
  return at + 1;
}

function putLongVarint(into: Bytes, at: number, value: number): number {
  let end = at;
  let rest = value;
  while (rest >= 0x8000_0000) {
    into[end++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    into[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[end++] = rest;
  return end;
}

/** Bytes up to `len`, of which those up to `pos` have been read. The names are those of protobufjs. */
export interface VarintSource {
  readonly buf: Bytes;
  pos: number;
  readonly len: number;
}

/** Reads a varint and moves `pos` behind it. Throws RangeError if it is incomplete or not a safe integer. */
export function readVarint(source: VarintSource): number {
  const { pos } = source;
  const byte = pos < source.len ? byteAt(source.buf, pos) : 0x80;
  if (byte >= 0x80) return readLongVarint(source);
  source.pos = pos + 1;
  return byte;
}

/** The first four bytes are read with shifts, which are faster than multiplications. */
function readLongVarint(source: VarintSource): number {
  const { buf, len } = source;
  let at = source.pos;
  let value = 0;
  for (let shift = 0; shift < 28 && at < len; shift += 7) {
    const byte = byteAt(buf, at++);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      source.pos = at;
      return value;
    }
  }
  let scale = 2 ** 28;
  for (let i = 4; i < VARINT_BYTES_MAX && at < len; i++) {
    const byte = byteAt(buf, at++);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      source.pos = at;
      if (value > Number.MAX_SAFE_INTEGER) break;
      return value;
    }
    scale *= 0x80;
  }
  throw new RangeError('an integer is cut short or above 2^53');
}
