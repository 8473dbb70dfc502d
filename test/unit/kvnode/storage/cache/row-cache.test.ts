// The cache of rows below the overlay. It may drop any row at any time, but what it has is what the store holds.

import test from 'ava';
import fc from 'fast-check';
import { toBytes } from '../../../../../common/base/bytes.ts';
import { RowCache } from '../../../../../kvnode/storage/cache/row-cache.ts';
import { at, createWhole, entry, getText, pause, put, remove } from '../../../../suites/storage/shorthand.ts';
import { TwinWorld } from '../../../../suites/storage/world.ts';

const MB = 1024 * 1024;

function row(key: string, revision: number, bytes = 10) {
  return { key: toBytes(key), value: toBytes(`${revision} `.padEnd(bytes, 'x')), revision };
}

function text(cache: RowCache, namespaceId: number, key: string): string | undefined {
  const found = cache.get(namespaceId, toBytes(key));
  return found && `${Buffer.from(found.value).toString()}@${found.revision}`;
}

test('a row is found by its namespace and all of its key', (t) => {
  const cache = new RowCache(MB);
  cache.add(1, row('a', 2 ** 40, 0));
  cache.add(2, row('a', 7));
  t.is(text(cache, 1, 'a'), '1099511627776 @1099511627776');
  t.is(text(cache, 2, 'a'), '7 xxxxxxxx@7');
  t.is(text(cache, 3, 'a'), undefined);
  t.is(text(cache, 1, 'aa'), undefined);
  t.is(text(cache, 1, ''), undefined);
  t.deepEqual([cache.hits, cache.misses], [2, 3]);
  cache.clear();
  t.is(text(cache, 1, 'a'), undefined);
});

test('a cache of 0 bytes caches nothing, and a row that is too large is not cached', (t) => {
  const none = new RowCache(0);
  none.add(1, row('a', 1));
  none.update(1, toBytes('a'), row('a', 2));
  t.is(text(none, 1, 'a'), undefined);
  const cache = new RowCache(MB);
  cache.add(1, row('a', 1, 140_000));
  t.is(text(cache, 1, 'a'), undefined);
});

test('nearly every row has a slot in a table that is half full', (t) => {
  const cache = new RowCache(16 * MB);
  const keys = Array.from({ length: 62_000 }, (_, i) => `user${String(i).padStart(20, '0')}`);
  for (const [i, key] of keys.entries()) cache.update(1, toBytes(key), row(key, i + 1, 100));
  for (const key of keys) cache.get(1, toBytes(key));
  t.true(cache.misses < 60, `${cache.misses} of ${keys.length} are not found`);
});

test('against a map: cached rows are right, and values that a reader holds do not change', (t) => {
  let known = 0;
  const step = fc.record({
    key: fc.nat(60),
    bytes: fc.constantFrom(0, 9, 2_000, 9_000),
    what: fc.constantFrom('read', 'read', 'read', 'put', 'put', 'delete', 'drop'),
  });
  const property = fc.property(fc.array(step, { minLength: 500, maxLength: 2_000 }), (steps) => {
    const cache = new RowCache(2 * MB);
    const store = new Map<string, ReturnType<typeof row>>();
    const held: (() => void)[] = [];
    for (const [i, { key: number, bytes, what }] of steps.entries()) {
      const key = `key ${number}`;
      if (what === 'read') {
        const stored = store.get(key);
        const cached = cache.get(1, toBytes(key));
        if (cached === undefined) {
          if (stored !== undefined) cache.add(1, stored);
          continue;
        }
        known++;
        const { value, revision } = cached;
        const before = Buffer.from(value).toString();
        if (stored?.revision !== revision || Buffer.from(stored.value).toString() !== before)
          throw new Error(`${key} is wrong`);
        held.push(() => {
          if (Buffer.from(value).toString() !== before) throw new Error(`${key} was written over`);
        });
      } else if (what === 'put') {
        store.set(key, row(key, i + 1, bytes));
        cache.update(1, toBytes(key), row(key, i + 1, bytes));
      } else if (what === 'drop') {
        const before = cache.bytes;
        if (number === 0) cache.dropOldest();
        if (number === 0 && cache.bytes !== Math.max(0, before - MB)) throw new Error('it kept its bytes');
      } else {
        store.delete(key);
        cache.update(1, toBytes(key), null);
      }
    }
    for (const check of held) check();
  });
  fc.assert(property, { numRuns: 30, endOnFailure: true });
  t.true(known > 1_000, `${known}`);
});

test('a row is read as it is now: cached after a write or a read, changed by a deletion, a snapshot, a wipe', async (t) => {
  const world = new TwinWorld();
  let storage = await world.open();
  createWhole(storage);
  let seq = 0;
  const write = async (...changes: Parameters<typeof storage.apply>[2][number][]) => {
    storage.logOf(1).append([entry(1, ++seq)]);
    storage.apply(1, at(1, seq), changes);
    while (storage.stats.overlayBytes > 0) await pause(1);
  };
  await write(put('a', '1'), put('b', '1'), put('c', '1'));
  const read = () => ['a', 'b', 'c', 'd'].map((key) => getText(storage, key));
  t.deepEqual(read(), ['a=1@1', 'b=1@1', 'c=1@1', undefined]);
  t.is(storage.stats.rowCacheHits, 3, 'cached by a write');
  await storage.close();
  storage = await world.open();
  t.deepEqual(read(), ['a=1@1', 'b=1@1', 'c=1@1', undefined]);
  t.is(storage.stats.rowCacheHits, 0);
  t.deepEqual(read(), ['a=1@1', 'b=1@1', 'c=1@1', undefined]);
  t.is(storage.stats.rowCacheHits, 3, 'cached by a read');
  await write(put('a', '2'), remove('b'), put('d', '2'));
  t.deepEqual(read(), ['a=2@2', undefined, 'c=1@1', 'd=2@2']);
  await storage.beginSnapshot(1, { start: toBytes(''), end: null }, at(1, 9)).then(async (writer) => {
    t.deepEqual(read(), [undefined, undefined, undefined, undefined]);
    await writer.add([{ ...row('a', 5), value: toBytes('5') }]);
    t.is(read()[0], 'a=5@5');
    await writer.add([{ ...row('a', 6), value: toBytes('6') }]);
    await writer.finish([]);
  });
  t.deepEqual(read(), ['a=6@6', undefined, undefined, undefined]);
  await storage.wipe(1);
  t.deepEqual(read(), [undefined, undefined, undefined, undefined]);
});
