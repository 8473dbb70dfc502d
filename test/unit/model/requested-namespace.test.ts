// What may be asked for with a new namespace.

import test from 'ava';
import { formatBytes, parseBytes } from '../../../common/base/bytes.ts';
import {
  inKeyOrder,
  namespaceFault,
  namespaceNameFault,
  type RequestedNamespace,
} from '../../../common/model/requested-namespace.ts';

const names = test.macro({
  exec(t, name: unknown, isGood: boolean) {
    t.is(namespaceNameFault(name) === null, isGood);
  },
  title: (_, name, isGood) => `the name ${JSON.stringify(name)} is ${isGood ? 'taken' : 'refused'}`,
});
for (const name of ['a', '0', 'orders', 'Orders-2.old_x', 'x'.repeat(64)]) test(names, name, true);
for (const name of ['', '.', '..', '../x', '-x', '_x', 'a b', 'a/b', 'é', 'a\n', 'x'.repeat(65), 7, null])
  test(names, name, false);

const asked = test.macro({
  exec(t, change: Partial<RequestedNamespace>, words: RegExp | null) {
    const request = { name: 'orders', replicationFactor: null, minInSync: null, splitAt: null, ...change };
    const fault = namespaceFault(request);
    if (words === null) t.is(fault, null);
    else t.regex(fault ?? 'nothing', words);
  },
  title: (title = '') => title,
});
const keys = (...texts: readonly string[]) => texts.map(parseBytes);
const long = (count: number, length: number) =>
  Array.from({ length: count }, (_, i) => parseBytes(String(i).padStart(length, '0')));

test('the defaults are good', asked, {}, null);
test('9 replicas are good', asked, { replicationFactor: 9, minInSync: 9 }, null);
test(
  '10 replicas are too many',
  asked,
  { replicationFactor: 10 },
  /^the replication factor is 1 to 9, not 10$/,
);
test('no replica is too few', asked, { replicationFactor: 0 }, /^the replication factor is 1 to 9, not 0$/);
test('half a replica', asked, { replicationFactor: 1.5 }, /not 1.5$/);
test(
  'minInSync above the replicas',
  asked,
  { replicationFactor: 2, minInSync: 3 },
  /^minInSync is 1 to the replication factor, 2, not 3$/,
);
test('minInSync alone may be all that is possible', asked, { minInSync: 9 }, null);
test('minInSync above all that is possible', asked, { minInSync: 10 }, /^minInSync is 1 to 9, not 10$/);
test('minInSync is no number', asked, { minInSync: Number.NaN }, /^minInSync is 1 to 9, not NaN$/);
test('no split key: one range', asked, { splitAt: [] }, null);
test('split keys in any order', asked, { splitAt: keys('p', 'g') }, null);
test('255 split keys', asked, { splitAt: long(255, 8) }, null);
test('256 split keys', asked, { splitAt: long(256, 8) }, /^a new namespace has 1 to 256 ranges, not 257$/);
test('an empty split key', asked, { splitAt: keys('a', '') }, /^a split key has 1 to 4096 bytes$/);
test('the longest split key', asked, { splitAt: long(1, 4_096) }, null);
test('a split key that is too long', asked, { splitAt: long(1, 4_097) }, /^a split key has 1 to 4096 bytes$/);
test('a split key twice', asked, { splitAt: keys('b\\x00', 'a', 'b\\x00') }, /^two .* the same: b\\x00$/);
test('split keys that fill the znode', asked, { splitAt: long(15, 4_090) }, null);
test(
  'split keys that do not fit into the znode',
  asked,
  { splitAt: long(15, 4_096) },
  /^the split keys take 61486 bytes in ZooKeeper, at most 61440 are allowed$/,
);
test(
  'split keys count as they are written: \\x00 is five bytes there',
  asked,
  { splitAt: [new Uint8Array(4_096)] },
  null,
);
test(
  'binary split keys that do not fit',
  asked,
  { splitAt: [1, 2, 3, 4].map((last) => Uint8Array.from({ length: 4_096 }, (_, i) => (i === 0 ? last : 0))) },
  /^the split keys take \d+ bytes/,
);

test('split keys are put in order of their bytes', (t) => {
  t.deepEqual(inKeyOrder(keys('\\xff', 'é', 'b', 'a\\x00', 'a')).map(formatBytes), [
    'a',
    'a\\x00',
    'b',
    'é',
    '\\xff',
  ]);
});
