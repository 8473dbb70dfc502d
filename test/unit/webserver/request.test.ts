// The query of a request: what each parameter means, and what is refused.

import test from 'ava';
import fc from 'fast-check';
import { equalBytes, toHex } from '../../../common/base/bytes.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { percentEncode } from '../../../common/base/percent-encoding.ts';
import { Query } from '../../../webserver/request.ts';

const NAMES = ['key', 'read', 'limit', 'cursor'];

const keyIs = test.macro<[string, string]>({
  title: (_, query, hex) => `the key of ?${query} is ${hex}`,
  exec: (t, query, hex) => t.is(toHex(new Query(query, NAMES).key()), hex),
});

test(keyIs, 'key=a', '61');
test(keyIs, 'key=pct/%FF', '7063742fff');
test(keyIs, 'key=a%20b', '612062');
test(keyIs, 'key=a+b', '612062');
test(keyIs, 'key=a%2Bb', '612b62');
test(keyIs, 'key=a=b', '613d62');
test(keyIs, 'key=%5Cx00', '5c783030');
test(keyIs, 'limit=1&&key=a&', '61');
test(keyIs, 'k%65y=a', '61');

test('any key comes back from a query, also from one that URLSearchParams wrote', (t) => {
  const bytes = fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (key) =>
    equalBytes(new Query(`read=stale&key=${percentEncode(key)}`, NAMES).key(), key),
  );
  fc.assert(bytes, { numRuns: 300 });
  const text = fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (key) => {
    const query = new URLSearchParams({ key }).toString();
    return new TextDecoder().decode(new Query(query, NAMES).key()) === key.replace(/^\uFEFF/, '');
  });
  fc.assert(text, { numRuns: 300 });
  t.pass();
});

const refused = test.macro<[string, RegExp]>({
  title: (_, query) => `?${query} is refused`,
  exec(t, query, says) {
    const error = t.throws(() => new Query(query, NAMES).text('cursor'), { instanceOf: RangekeeperError });
    t.is(error.code, 'INVALID_ARGUMENT');
    t.regex(error.message, says);
    t.notRegex(error.message, /\n/);
  },
});

test(refused, 'key=%zz', /^key: bad percent-encoding at %zz/);
test(refused, 'key=100%', /^key: bad percent-encoding/);
test(refused, 'key=%F', /^key: bad percent-encoding/);
test(refused, 'key=ä', /^key: a character that is not ASCII/);
test(refused, 'cursor=%FF', /^cursor is not UTF-8 text/);
test(refused, 'key=a&key=a', /more than once/);
test(refused, 'key=a&k%65y=b', /more than once/);
test(refused, 'perfix=a', /unknown parameter perfix/);
test(refused, '%=a', /bad percent-encoding/);
