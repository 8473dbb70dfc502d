// Byte strings that come as Buffers, and strings that have no UTF-8 form.

import test from 'ava';
import { formatBytes, parseBytes, prefixEnd, toBytes } from '../../../common/base/bytes.ts';

for (const [what, bytes] of [
  ['Uint8Array', Uint8Array.of(0x70, 0xff)],
  ['Buffer', Buffer.of(0x70, 0xff)],
  ['part of a Buffer', Buffer.of(1, 0x70, 0xff, 2).subarray(1, 3)],
] as const) {
  test(`prefixEnd leaves its ${what} as it is`, (t) => {
    t.deepEqual(prefixEnd(bytes), Uint8Array.of(0x71));
    t.deepEqual([...bytes], [0x70, 0xff]);
  });
}

const HALVES = ['\ud83d', 'a\ude00', '\ude00\ud83d', `${'x'.repeat(100)}\ud83d`, '\\n\ud83d'];

for (const text of HALVES) {
  test(`half of a surrogate pair has no bytes: ${JSON.stringify(text.slice(-3))}`, (t) => {
    t.throws(() => toBytes(text), { instanceOf: RangeError, message: /^not well-formed Unicode/ });
    t.throws(() => parseBytes(text), { instanceOf: RangeError, message: /^not well-formed Unicode/ });
  });
}

for (const text of ['', 'a', 'ä', '\u{1f600}', 'x'.repeat(100), `${'x'.repeat(64)}\u{1f600}`, '\ufffd']) {
  test(`text as bytes and back: ${JSON.stringify(text.slice(-3))}`, (t) => {
    t.is(Buffer.from(toBytes(text)).toString(), text);
    t.is(formatBytes(parseBytes(text)), text);
  });
}

test('every byte has a text form that is read back', (t) => {
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  t.deepEqual(parseBytes(formatBytes(bytes)), bytes);
  t.is(formatBytes(Uint8Array.of(0x5c, 0x20, 0x7e, 0x7f)), '\\\\ ~\\x7f');
});
