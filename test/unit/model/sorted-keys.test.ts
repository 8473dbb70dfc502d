// A search among sorted keys finds the same as looking at each key.

import test from 'ava';
import fc from 'fast-check';
import { type Bytes, compareBytes, toBytes } from '../../../common/base/bytes.ts';
import { SortedKeys } from '../../../common/model/sorted-keys.ts';

/** Keys of few letters, with zeros, and with some long common parts, so that heads are often equal. */
const key = fc
  .array(fc.constantFrom('\0', '\0\0\0', 'a', 'b', 'user0000', 'c\u00ff'), { maxLength: 6 })
  .map((parts) => Buffer.from(parts.join(''), 'latin1') as Bytes);

const search = test.macro({
  exec(t, prefix: string) {
    const prefixed = key.map((end) => Buffer.concat([toBytes(prefix), end]) as Bytes);
    const asked = fc.oneof(key, prefixed);
    t.notThrows(() =>
      fc.assert(
        fc.property(
          fc.array(prefixed),
          fc.array(asked, { minLength: 1 }),
          fc.boolean(),
          (found, keys, isFirstEmpty) => {
            const sorted = [...(isFirstEmpty ? [toBytes('')] : []), ...found].sort(compareBytes);
            const index = new SortedKeys(sorted);
            for (const one of [...keys, ...found]) {
              const expected = sorted.findLastIndex((other) => compareBytes(other, one) <= 0);
              if (index.lastAtOrBelow(one) !== expected)
                throw new Error(`${one.toString()}: not ${expected}`);
            }
          },
        ),
      ),
    );
  },
  title: (_, prefix) => `the last key at or below, among keys that begin with "${prefix}"`,
});

test(search, '');
test(search, 'user00000000');
