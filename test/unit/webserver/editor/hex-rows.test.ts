// The model of the hex editor: only the rows on the screen are drawn, and an edited row changes its own bytes.

import test from 'ava';
import fc from 'fast-check';
import { fromHex, toHex } from '../../../../common/base/bytes.ts';
import { offsetOf, rowCount, rowText, windowOf, withEdit } from '../../../../webserver/editor/hex-rows.ts';

test('few rows are drawn, however many there are, and all that are visible', (t) => {
  const rows = rowCount(new Uint8Array(1024 * 1024));
  t.is(rows, 65_536);
  const property = fc.property(fc.nat(rows * 22), (scrollTop) => {
    const { first, end } = windowOf(rows, 22, 264, scrollTop);
    t.true(end - first <= 30);
    t.true(first * 22 <= scrollTop);
    t.true(end === rows || end * 22 >= scrollTop + 264);
  });
  fc.assert(property, { numRuns: 300, endOnFailure: true });
});

const BYTES = Uint8Array.from({ length: 40 }, (_, index) => index);

test('rows and their offsets', (t) => {
  t.is(rowCount(BYTES), 3);
  t.is(rowText(BYTES, 2), '20 21 22 23 24 25 26 27');
  t.is(offsetOf(2), '000020');
});

test('an edited row may keep its length, grow and shrink', (t) => {
  const head = toHex(BYTES.subarray(0, 16));
  const tail = toHex(BYTES.subarray(32));
  for (const text of ['ff '.repeat(16), 'aa', '', 'ab'.repeat(20)]) {
    const edited = withEdit(BYTES, { row: 1, text });
    t.is(toHex(edited), head + toHex(fromHex(text.replaceAll(' ', ''))) + tail);
  }
});

test('a row that is not hexadecimal is refused, with its place', (t) => {
  t.throws(() => withEdit(BYTES, { row: 1, text: '0' }), { message: /digit is missing \(at 000010\)/ });
});
