// Numbers as bytes, compared with the engine's own 64-bit integers. Every form ends where it says, and incomplete bytes are
// refused.

import test from 'ava';
import fc from 'fast-check';
import { compareBytes } from '../../../common/base/bytes.ts';
import {
  getU32be,
  getU32le,
  getU64be,
  getU64le,
  putU32be,
  putU64be,
  putU64le,
  putVarint,
  readVarint,
  VARINT_BYTES_MAX,
  varintSize,
  viewOf,
} from '../../../common/base/integers.ts';

const EDGES = [7, 14, 21, 28, 31, 32, 35, 42, 49, 53].flatMap((bits) => [2 ** bits - 1, 2 ** bits]);
const u32 = fc.oneof(fc.nat(2 ** 31 - 1), fc.constantFrom(...EDGES.filter((edge) => edge < 2 ** 32)));
const safe = fc.oneof(
  fc.nat(1_000),
  fc.maxSafeNat(),
  fc.constantFrom(...EDGES.filter((edge) => edge < 2 ** 53)),
);

/** The number as the engine writes it, in the middle of other bytes. */
function reference(value: number, isLittle: boolean): Uint8Array {
  const bytes = new Uint8Array(10).fill(0xee);
  viewOf(bytes).setBigUint64(1, BigInt(value), isLittle);
  return bytes;
}

test('64 bits, in both orders', (t) => {
  const property = fc.property(safe, (value) => {
    const little = new Uint8Array(10).fill(0xee);
    putU64le(viewOf(little), 1, value);
    t.deepEqual(little, reference(value, true));
    t.is(getU64le(viewOf(little), 1), value);
    const big = new Uint8Array(10).fill(0xee);
    putU64be(big, 1, value);
    t.deepEqual(big, reference(value, false));
    t.is(getU64be(big, 1), value);
  });
  fc.assert(property, { endOnFailure: true });
});

test('32 bits, in both orders', (t) => {
  const property = fc.property(u32, (value) => {
    const bytes = new Uint8Array(6).fill(0xee);
    putU32be(bytes, 1, value);
    t.is(viewOf(bytes).getUint32(1), value);
    t.deepEqual([bytes[0], bytes[5]], [0xee, 0xee]);
    t.is(getU32be(bytes, 1), value);
    viewOf(bytes).setUint32(1, value, true);
    t.is(getU32le(bytes, 1), value);
  });
  fc.assert(property, { endOnFailure: true });
});

test('big-endian numbers sort as their bytes do', (t) => {
  const bytesOf = (value: number): Uint8Array => {
    const bytes = new Uint8Array(8);
    putU64be(bytes, 0, value);
    return bytes;
  };
  const property = fc.property(
    safe,
    safe,
    (a, b) => Math.sign(compareBytes(bytesOf(a), bytesOf(b))) === Math.sign(a - b),
  );
  fc.assert(property);
  t.pass();
});

/** Seven bits a byte, by arithmetic without a limit. */
function varintOf(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

test('varints come back, and every incomplete one is refused', (t) => {
  const property = fc.property(safe, (value) => {
    const expected = varintOf(value);
    const bytes = new Uint8Array(expected.length + 2).fill(0x80);
    t.is(varintSize(value), expected.length);
    t.is(putVarint(bytes, 1, value), 1 + expected.length);
    t.deepEqual([...bytes], [0x80, ...expected, 0x80]);
    for (let len = 1; len < 1 + expected.length; len++)
      t.throws(() => readVarint({ buf: bytes, pos: 1, len }), { instanceOf: RangeError });
    const source = { buf: bytes, pos: 1, len: bytes.length };
    t.is(readVarint(source), value);
    t.is(source.pos, 1 + expected.length);
  });
  fc.assert(property, { endOnFailure: true });
});

const unsafe = test.macro({
  exec(t, bytes: readonly number[]) {
    const buf = Uint8Array.from(bytes);
    t.throws(() => readVarint({ buf, pos: 0, len: buf.length }), { instanceOf: RangeError });
  },
  title: (what) => `not a safe integer: ${what}`,
});

test('2^53', unsafe, varintOf(2 ** 53));
test('2^64 - 1', unsafe, [...Array(9).fill(0xff), 1]);
test('more bytes than a safe integer has', unsafe, [...Array(VARINT_BYTES_MAX).fill(0x80), 0]);

test('a number that is not a safe integer is not written', (t) => {
  for (const value of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])
    t.throws(() => varintSize(value), { instanceOf: RangeError }, String(value));
});

test('a read beyond the bytes is refused', (t) => {
  const bytes = new Uint8Array(7);
  for (const read of [getU64be, (from: Uint8Array) => getU64le(viewOf(from), 0)])
    t.throws(() => read(bytes, 0), { instanceOf: RangeError });
  for (const read of [getU32be, getU32le]) t.throws(() => read(bytes, 4), { instanceOf: RangeError });
});
