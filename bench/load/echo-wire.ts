// The least that a request and its answer can be: a protobuf message of a number and bytes (a key there, a value back),
// laid by hand; several of them one behind the other in one WebSocket message where they are gathered. It is the yardstick
// for our own protocol, so it shares nothing with it.

const NUMBER_TAG = 0x08;
const BYTES_TAG = 0x12;
/** Tag and number, tag and length. */
const OVERHEAD_MAX = 12;

export type EchoMessage = { readonly number: number; readonly bytes: Buffer };

/** Room for so many messages of so many bytes each. */
export function echoRoom(messages: number, bytesEach: number): Buffer {
  return Buffer.allocUnsafe(messages * (OVERHEAD_MAX + bytesEach));
}

/** Writes one message at `at`; gives the place behind it. */
export function writeEcho(out: Buffer, at: number, number: number, bytes: string | Buffer): number {
  out[at] = NUMBER_TAG;
  const behind = writeVarint(out, at + 1, number);
  out[behind] = BYTES_TAG;
  const begin = writeVarint(out, behind + 1, bytes.length);
  if (typeof bytes === 'string') out.write(bytes, begin, 'latin1');
  else bytes.copy(out, begin);
  return begin + bytes.length;
}

/** Every message in turn; byte fields are views. */
export function readEchoes(bytes: Buffer, each: (message: EchoMessage) => void): void {
  const place = { at: 0 };
  while (place.at < bytes.length) {
    expectTag(bytes, place, NUMBER_TAG);
    const number = readVarint(bytes, place);
    expectTag(bytes, place, BYTES_TAG);
    const length = readVarint(bytes, place);
    each({ number, bytes: bytes.subarray(place.at, place.at + length) });
    place.at += length;
  }
}

function writeVarint(out: Buffer, at: number, value: number): number {
  let rest = value;
  let place = at;
  for (; rest > 0x7f; rest >>>= 7) out[place++] = (rest & 0x7f) | 0x80;
  out[place] = rest;
  return place + 1;
}

function readVarint(bytes: Buffer, place: { at: number }): number {
  let value = 0;
  for (let shift = 0; shift < 32; shift += 7) {
    const byte = bytes[place.at++] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  throw new RangeError('a number of an echo is too long');
}

function expectTag(bytes: Buffer, place: { at: number }, tag: number): void {
  if (bytes[place.at++] !== tag) throw new RangeError('not an echo');
}
