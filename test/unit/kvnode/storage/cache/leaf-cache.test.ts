// The cache of leaves below the overlay. It may drop any leaf at any time, but what it has is what the store holds.

import test from 'ava';
import fc from 'fast-check';
import { toBytes } from '../../../../../common/base/bytes.ts';
import { RangekeeperError } from '../../../../../common/base/errors.ts';
import { wholeKeySpace } from '../../../../../common/model/key-range.ts';
import { EncodedRows, encodeRows } from '../../../../../common/wire/encoded-rows.ts';
import { type Leaf, LeafCache } from '../../../../../kvnode/storage/cache/leaf-cache.ts';
import { keyText } from '../../../../../kvnode/storage/rows/key-text.ts';
import type { Row, Storage } from '../../../../../kvnode/storage/storage.ts';
import {
  at,
  createWhole,
  EVERYTHING,
  entry,
  pause,
  put,
  remove,
  textOfRow,
} from '../../../../suites/storage/shorthand.ts';
import { TwinWorld } from '../../../../suites/storage/world.ts';

const KEYS = 30;

function keyOf(n: number): string {
  return `k${String(n).padStart(2, '0')}`;
}

/** The rows of a store, and what a scan of it would read. */
class Model {
  readonly rows = new Map<string, Row>();

  within(start: string, end: string | null): Row[] {
    const inside = [...this.rows.entries()].filter(([key]) => key >= start && (end === null || key < end));
    return inside.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  }

  leaf(start: string, end: string | null): Leaf {
    const rows = this.within(start, end);
    const bytes = rows.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    return { start, end, rows: encodeRows(rows), count: rows.length, bytes };
  }
}

function assertSame(leaf: Leaf, model: Model): void {
  const expected = model.leaf(leaf.start, leaf.end);
  const text = ({ rows }: Leaf) => new EncodedRows([rows]).decode().map(textOfRow).join();
  if (text(leaf) !== text(expected)) throw new Error(`${text(leaf)} is not ${text(expected)}`);
  if (leaf.count !== expected.count || leaf.bytes !== expected.bytes) throw new Error('counted wrong');
}

const step = fc.record({
  what: fc.constantFrom('read', 'read', 'put', 'put', 'delete', 'add'),
  key: fc.nat(KEYS),
  to: fc.option(fc.nat(KEYS)),
  bytes: fc.constantFrom(0, 5, 5, 200),
});

test('against a map: cached rows are right, and the bytes stay within their bound', (t) => {
  let known = 0;
  const property = fc.property(
    fc.array(step, { minLength: 200, maxLength: 600 }),
    fc.constantFrom(0, 2_000, 1_000_000),
    (steps, bytesMax) => {
      const cache = new LeafCache(bytesMax);
      const model = new Model();
      for (const [i, { what, key: n, to, bytes }] of steps.entries()) {
        const key = keyOf(n);
        if (what === 'add') {
          const end = to === null ? null : keyOf(to);
          if (end !== null && end <= key) continue;
          const middle = keyOf(n + 3);
          const parts =
            end === null || middle < end ? [model.leaf(key, middle), model.leaf(middle, end)] : [];
          cache.add(1, parts.length > 0 ? parts : [model.leaf(key, end)]);
        } else if (what === 'read') {
          const leaf = cache.find(1, key);
          if (leaf !== undefined) {
            known++;
            if (leaf.start > key || (leaf.end !== null && leaf.end <= key)) throw new Error('elsewhere');
            assertSame(leaf, model);
          } else {
            const next = cache.nextStart(1, key);
            if (next !== null && (next <= key || cache.find(1, next) === undefined)) throw new Error(next);
          }
        } else {
          const row = { key: toBytes(key), value: toBytes('x'.repeat(bytes)), revision: i + 1 };
          if (what === 'put') model.rows.set(key, row);
          else model.rows.delete(key);
          cache.update(1, keyText(row.key), row.key, what === 'put' ? row : null);
        }
        if (cache.bytes > bytesMax || cache.bytes < 0) throw new Error(`${cache.bytes} bytes`);
      }
    },
  );
  fc.assert(property, { numRuns: 100, endOnFailure: true });
  t.true(known > 1_000, `${known}`);
});

test('a leaf that is updated again and again and never read is dropped', (t) => {
  const cache = new LeafCache(1_000_000);
  const model = new Model();
  cache.add(1, [model.leaf('a', 'b')]);
  cache.add(2, [model.leaf('a', 'b')]);
  for (let revision = 1; revision < 20; revision++) {
    const row = { key: toBytes('a'), value: toBytes('v'), revision };
    for (const namespace of [1, 2]) cache.update(namespace, 'a', row.key, row);
    t.is(cache.find(2, 'a')?.count, 1);
  }
  t.is(cache.find(1, 'a'), undefined);
});

test('unused leaves are evicted first, and a leaf that is too large is not cached', (t) => {
  const cache = new LeafCache(3_000);
  const model = new Model();
  for (const key of ['a', 'b', 'c', 'd']) cache.add(1, [model.leaf(key, `${key}x`)]);
  for (const key of ['e', 'f', 'g', 'h', 'i', 'j']) {
    cache.add(1, [model.leaf(key, `${key}x`)]);
    t.not(cache.find(1, 'a'), undefined, `a is cached after ${key}`);
  }
  const large = new LeafCache(1_000_000);
  model.rows.set('z', { key: toBytes('z'), value: new Uint8Array(100_000), revision: 1 });
  large.add(1, [model.leaf('y', 'yy'), model.leaf('yy', null)]);
  t.not(large.find(1, 'y'), undefined);
  t.is(large.find(1, 'z'), undefined);
  t.true(large.bytes < 1_000);
});

// ---- in a storage ------------------------------------------------------------------------------------------------

async function scanText(storage: Storage): Promise<string> {
  const { rows } = await storage.scan(1, wholeKeySpace, EVERYTHING);
  return rows.decode().map(textOfRow).join(' ');
}

test('a repeated scan shows later changes: by a write, a deletion, a snapshot', async (t) => {
  const world = new TwinWorld();
  const storage = await world.open();
  createWhole(storage);
  let seq = 0;
  const write = async (...changes: Parameters<typeof storage.apply>[2][number][]) => {
    storage.logOf(1).append([entry(1, ++seq)]);
    storage.apply(1, at(1, seq), changes);
    while (storage.stats.overlayBytes > 0) await pause(1);
  };
  await write(put('a', '1'), put('b', '1'), put('c', '1'));
  t.is(await scanText(storage), 'a=1@1 b=1@1 c=1@1');
  t.deepEqual([storage.stats.leafCacheHits, storage.stats.leafCacheMisses], [0, 1]);
  t.is(await scanText(storage), 'a=1@1 b=1@1 c=1@1');
  await write(put('a', '2'), remove('b'), put('d', '2'));
  t.is(await scanText(storage), 'a=2@2 c=1@1 d=2@2');
  t.is(storage.stats.leafCacheMisses, 1);
  const writer = await storage.beginSnapshot(1, wholeKeySpace, at(1, 9));
  await writer.add([{ key: toBytes('a'), value: toBytes('6'), revision: 6 }]);
  await writer.finish([]);
  t.is(await scanText(storage), 'a=6@6');
  await storage.close();
});

test('rows that a scan read before a snapshot was installed are neither returned nor cached after it', async (t) => {
  const world = new TwinWorld();
  const storage = await world.open();
  createWhole(storage);
  storage.logOf(1).append([entry(1, 1)]);
  storage.apply(1, at(1, 1), [put('a', '1')]);
  while (storage.stats.overlayBytes > 0) await pause(1);
  let release = () => {};
  world.image.beforeRead = () => {
    world.image.beforeRead = () => Promise.resolve();
    return new Promise((resolve) => {
      release = resolve;
    });
  };
  const early = storage.scan(1, wholeKeySpace, EVERYTHING);
  const writer = await storage.beginSnapshot(1, wholeKeySpace, at(1, 9));
  await writer.add([{ key: toBytes('b'), value: toBytes('6'), revision: 6 }]);
  await writer.finish([]);
  release();
  await t.throwsAsync(early, { instanceOf: RangekeeperError, message: /a snapshot has replaced the rows/ });
  t.is(await scanText(storage), 'b=6@6');
  await storage.close();
});
