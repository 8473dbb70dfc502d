// The keys at which the first ranges of a namespace meet.

import test from 'ava';
import { formatBytes } from '../../../common/base/bytes.ts';
import { evenSplitKeys } from '../../../common/model/split-keys.ts';

const splits = test.macro({
  exec(t, count: number, keys: readonly string[]) {
    t.deepEqual(evenSplitKeys(count).map(formatBytes), keys);
  },
  title: (_, count: number, keys: readonly string[]) => `${count} ranges meet at [${keys.join(' ')}]`,
});
test(splits, 1, []);
test(splits, 2, ['i']);
test(splits, 3, ['c', 'o']);
test(splits, 6, ['6', 'c', 'i', 'o', 'u']);

test('the keys of many first ranges are in order', (t) => {
  const keys = evenSplitKeys(256).map(formatBytes);
  t.deepEqual(keys, [...new Set(keys)].sort());
  t.is(keys.length, 255);
});
