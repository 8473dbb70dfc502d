// A search among sorted keys finds the same as looking at each key.

import test from 'ava';
import fc from 'fast-check';
import { type Bytes, compareBytes, toBytes } from '../../../common/base/bytes.ts';
import { type Descriptor, FRESH_RANGE } from '../../../common/model/descriptor.ts';
import { RangeMap } from '../../../common/model/range-map.ts';
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

function image(id: number, namespace: string, start: string, end: string | null) {
  const replica = { node: 'a', inc: 1 };
  const descriptor: Descriptor = {
    ...{ id, namespace, namespaceId: 1, start: toBytes(start), end: end === null ? null : toBytes(end) },
    ...{
      epoch: 1,
      owner: { ...replica, session: 's' },
      replicas: [replica],
      inSync: ['a'],
      nextInc: 2,
      minInSync: 1,
    },
    ...{
      base: { epoch: 0, seq: 0 },
      state: 'serving',
      retire: null,
      transferTo: null,
      ...FRESH_RANGE,
    },
  };
  return { descriptor, version: 1 };
}

test('a map finds the range of a key in its namespace, and none in a gap', (t) => {
  const map = RangeMap.of([
    image(1, 'left', '', 'g'),
    image(2, 'left', 'g', 'm'),
    image(3, 'left', 'p', 't'),
    image(4, 'right', 'g', null),
  ]);
  const found = (namespace: string, text: string) => map.find(namespace, toBytes(text))?.descriptor.id;
  t.deepEqual(
    ['a', 'g', 'lz', 'm', 'oz', 'p', 'sz', 't', 'z'].map((text) => found('left', text)),
    [1, 2, 2, undefined, undefined, 3, 3, undefined, undefined],
  );
  t.deepEqual([found('right', 'a'), found('right', 'g'), found('right', 'z')], [undefined, 4, 4]);
  t.is(found('neither', 'a'), undefined);
});
