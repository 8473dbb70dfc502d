// The checksum agrees with published vectors (RFC 3720, B.4) and can be continued at any byte.

import test from 'ava';
import fc from 'fast-check';
import { toBytes } from '../../../../common/base/bytes.ts';
import { crc32c } from '../../../../kvnode/storage/crc32c.ts';

const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);

const vectors = test.macro({
  title: (_, name) => `crc32c of ${name}`,
  exec: (t, _name: string, bytes: Uint8Array, expected: number) => {
    t.is(crc32c(bytes).toString(16), expected.toString(16));
  },
});

test(vectors, 'nothing', new Uint8Array(0), 0);
test(vectors, 'digits', toBytes('123456789'), 0xe3069283);
test(vectors, '32 zeros', new Uint8Array(32), 0x8a9136aa);
test(vectors, '32 times 0xff', new Uint8Array(32).fill(0xff), 0x62a8ab43);
test(vectors, '32 bytes upwards', ascending, 0x46dd794e);
test(vectors, '32 bytes downwards', ascending.toReversed(), 0x113fdb5c);

test('in two parts it is the same as in one', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(64), (bytes, cut) => {
      const middle = Math.min(cut, bytes.length);
      return crc32c(bytes.subarray(middle), crc32c(bytes.subarray(0, middle))) === crc32c(bytes);
    }),
  );
  t.pass();
});
