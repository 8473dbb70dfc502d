// Keys in URLs: any bytes come back, what a URL library writes is read, and bad percent-encoding is refused.

import test from 'ava';
import fc from 'fast-check';
import { toHex } from '../../../common/base/bytes.ts';
import { percentDecode, percentEncode } from '../../../common/base/percent-encoding.ts';

const RUNS = { numRuns: 500 };

test('any bytes come back, from a query and from a segment of a path', (t) => {
  const property = fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    const text = percentEncode(bytes);
    t.deepEqual(percentDecode(text), bytes);
    const url = new URL(`http://host/before/k${text}/after?key=${text}`);
    t.is(url.search, bytes.length === 0 ? '?key=' : `?key=${text}`);
    t.is(url.pathname, `/before/k${text}/after`);
  });
  fc.assert(property, RUNS);
});

test('text is encoded as encodeURIComponent does, or stricter, and is read from either', (t) => {
  const property = fc.property(fc.string({ unit: 'grapheme' }), (text) => {
    t.is(decodeURIComponent(percentEncode(text)), text);
    t.deepEqual(percentDecode(encodeURIComponent(text)), percentDecode(percentEncode(text)));
  });
  fc.assert(property, RUNS);
});

const means = test.macro<[string, string]>({
  title: (_, text, hex) => `${text} is ${hex}`,
  exec: (t, text, hex) => t.is(toHex(percentDecode(text)), hex),
});

test(means, 'a', '61');
test(means, '%FF', 'ff');
test(means, '%ff%00', 'ff00');
test(means, '%C3%A4', 'c3a4');
test(means, '%25', '25');
test(means, 'a+b', '612b62');
test(means, '\\xff', '5c786666');

for (const bad of ['%', '%f', '%fg', '100%', '%%41', 'ä'])
  test(`${bad} is refused`, (t) => {
    const error = t.throws(() => percentDecode(bad), { instanceOf: RangeError });
    t.notRegex(error.message, /\n/);
  });
