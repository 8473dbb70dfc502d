// The measured bytes of a span are right within a fifth, and its middle within a tenth of the bytes, however the rows can be packed
// and however often they were written.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { present } from '../../../../../common/base/assert.ts';
import { type Bytes, compareBytes, formatBytes, toBytes } from '../../../../../common/base/bytes.ts';
import { contains, type KeyRange } from '../../../../../common/model/key-range.ts';
import type { StateEngine } from '../../../../../kvnode/storage/state/engine.ts';
import { levelWith } from '../../../../../kvnode/storage/state/level-engine.ts';
import { measureSpan, midpoint } from '../../../../../kvnode/storage/state/measure.ts';
import { putRowValue, rowKey, rowValueBytes } from '../../../../../kvnode/storage/state/stored-keys.ts';
import { openMemoryState, StateImage } from '../../../../suites/storage/memory-state.ts';
import { type Rng, seededRng } from '../../../../support/rng.ts';

const NAMESPACE = 7;
const WHOLE: KeyRange = { start: toBytes(''), end: null };

type MakeRow = (rng: Rng, row: number) => readonly [string, Bytes];

function noise(rng: Rng, length: number): Bytes {
  return Uint8Array.from({ length }, () => rng.below(256));
}

const text = (length: number): Bytes => toBytes('abcdefgh'.repeat(length / 8));
const sequential = (row: number): string => `user/${String(row).padStart(9, '0')}`;

const kinds: Readonly<Record<string, MakeRow>> = {
  'rows of noise': (rng, row) => [sequential(row), noise(rng, 1_000)],
  'rows that can be packed': (_, row) => [sequential(row), text(1_000)],
  'small rows with keys all over': (rng) => [Buffer.from(noise(rng, 12)).toString('latin1'), text(40)],
  'rows of different sizes': (rng, row) => [
    sequential(row),
    row < 4_000 ? noise(rng, 100) : text(8 * rng.below(600)),
  ],
  'one prefix has almost all': (rng, row) => [
    row % 100 === 0 ? `a${row}` : `m/deep/${sequential(row)}`,
    noise(rng, 500),
  ],
};

/** Writes rows, `times` times over. Returns the bytes of each. */
async function fill(
  engine: StateEngine,
  make: MakeRow,
  { rows, times }: { rows: number; times: number },
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for (let time = 0; time < times; time++) {
    const rng = seededRng(5);
    for (let row = 0; row < rows; ) {
      const batch = engine.batch();
      for (const end = row + 500; row < end; row++) {
        const [name, value] = make(rng, row);
        const key = Buffer.from(name, 'latin1');
        const stored = new Uint8Array(rowValueBytes(value));
        putRowValue(stored, 1, value);
        batch.put(rowKey(NAMESPACE, key), stored);
        sizes.set(name, key.length + value.length);
      }
      await batch.writeUnsynced();
    }
  }
  // Another namespace, which does not count.
  const batch = engine.batch();
  batch.put(rowKey(NAMESPACE + 1, toBytes('a')), new Uint8Array(100_000));
  await batch.write();
  return sizes;
}

async function check(
  t: ExecutionContext,
  engine: StateEngine,
  sizes: ReadonlyMap<string, number>,
  range: KeyRange,
): Promise<void> {
  const within = (bounds: KeyRange) =>
    [...sizes].reduce(
      (sum, [name, bytes]) => sum + (contains(bounds, Buffer.from(name, 'latin1')) ? bytes : 0),
      0,
    );
  const { bytes, middleKey } = await measureSpan(engine, NAMESPACE, range, () => engine.flush());
  const actual = within(range);
  t.true(Math.abs(bytes - actual) <= 0.2 * actual, `${bytes} is about ${actual}`);
  const middle = present(middleKey, 'a middle');
  t.true(contains(range, middle) && compareBytes(range.start, middle) < 0);
  const left = within({ start: range.start, end: middle });
  t.true(
    Math.abs(left - actual / 2) <= 0.1 * actual,
    `left of ${formatBytes(middle)} are ${left} of ${actual}`,
  );
}

for (const [what, make] of Object.entries(kinds)) {
  for (const times of [1, 4]) {
    test(`LevelDB: ${what}, written ${times} times, before and after a restart, and the halves of a split`, async (t) => {
      const directory = await mkdtemp(join(tmpdir(), 'rangekeeper-measure-'));
      t.teardown(() => rm(directory, { recursive: true }));
      const open = levelWith({ cacheBytes: 4 * 1024 * 1024, writeBufferBytes: 1024 * 1024 });
      const first = await open(directory);
      const sizes = await fill(first, make, { rows: 12_000, times });
      await check(t, first, sizes, WHOLE);
      await first.close();
      const engine = await open(directory);
      await check(t, engine, sizes, WHOLE);
      const { middleKey } = await measureSpan(engine, NAMESPACE, WHOLE, () => engine.flush());
      const cut = present(middleKey, 'a middle');
      await check(t, engine, sizes, { start: WHOLE.start, end: cut });
      await check(t, engine, sizes, { start: cut, end: null });
      await engine.close();
    });
  }
}

test('a few rows are counted, without a flush', async (t) => {
  const engine = await openMemoryState(new StateImage(), 'twin');
  const flushed = () => Promise.reject(new Error('no flush'));
  t.deepEqual(await measureSpan(engine, NAMESPACE, WHOLE, flushed), { bytes: 0, middleKey: null });
  await fill(engine, (_, row) => [`k${row % 2}`, new Uint8Array(98)], { rows: 500, times: 1 });
  t.deepEqual(await measureSpan(engine, NAMESPACE, WHOLE, flushed), {
    bytes: 200,
    middleKey: toBytes('k1'),
  });
  const one = { start: toBytes('k1'), end: null };
  t.deepEqual(await measureSpan(engine, NAMESPACE, one, flushed), { bytes: 100, middleKey: null });
});

test('a midpoint is between the two keys, or there is none', (t) => {
  const rng = seededRng(3);
  for (let times = 0; times < 2_000; times++) {
    const [low, high] = [noise(rng, rng.below(4)), noise(rng, rng.below(4))].sort(compareBytes);
    if (low === undefined || high === undefined) continue;
    const key = midpoint(low, high);
    if (key === null) continue;
    t.true(compareBytes(low, key) < 0 && compareBytes(key, high) < 0);
  }
  t.is(midpoint(toBytes('a'), toBytes('a')), null);
  t.deepEqual(midpoint(toBytes('a'), toBytes('c'))?.[0], toBytes('b')[0]);
});
