// Between two measurements the bytes of a range are counted on.

import test from 'ava';
import type { RangeId } from '../../../../common/model/ids.ts';
import { RangeSizes } from '../../../../kvnode/load/range-sizes.ts';
import type { MeasuredRange } from '../../../../kvnode/storage/storage.ts';

const MB = 1_000_000;

/** A storage of ranges that only have bytes. */
class Bytes {
  readonly bytes = new Map<RangeId, number>();
  readonly applied = new Map<RangeId, number>();
  measured: RangeId[] = [];

  /** @param grows how many of the bytes are new */
  apply(range: RangeId, bytes: number, grows = bytes): void {
    this.applied.set(range, this.appliedBytes(range) + bytes);
    this.bytes.set(range, (this.bytes.get(range) ?? 0) + grows);
  }

  appliedBytes(range: RangeId): number {
    return this.applied.get(range) ?? 0;
  }

  async measure(ranges: readonly RangeId[]): Promise<ReadonlyMap<RangeId, MeasuredRange>> {
    this.measured.push(...ranges);
    const sizes = ranges.map((range): [RangeId, MeasuredRange] => {
      const bytes = this.bytes.get(range) ?? 0;
      return [range, { bytes, middleKey: null, appliedBytes: this.appliedBytes(range) }];
    });
    return new Map(sizes);
  }

  taken(): readonly RangeId[] {
    const measured = this.measured;
    this.measured = [];
    return measured;
  }
}

test('a range is measured at once, then when a tenth was applied to it, or after a minute', async (t) => {
  const storage = new Bytes();
  const sizes = new RangeSizes(storage);
  const owned = new Set([1, 2]);
  t.is(sizes.bytesOf(1), null);
  storage.apply(1, 10 * MB);
  await sizes.measure(owned, 0);
  t.deepEqual(storage.taken(), [1, 2]);
  t.is(sizes.bytesOf(1), 10 * MB);
  t.is(sizes.bytesOf(2), 0);
  storage.apply(1, 0.9 * MB);
  await sizes.measure(owned, 20_000);
  t.deepEqual(storage.taken(), []);
  t.is(sizes.bytesOf(1), 10.9 * MB, 'counted on');
  storage.apply(1, 0.2 * MB);
  await sizes.measure(owned, 20_000);
  t.deepEqual(storage.taken(), [1]);
  storage.apply(1, 5 * MB);
  await sizes.measure(owned, 25_000);
  t.deepEqual(storage.taken(), [], 'not so soon again');
  await sizes.measure(owned, 30_000);
  t.deepEqual(storage.taken(), [1]);
  storage.apply(2, 10);
  await sizes.measure(owned, 59_000);
  t.deepEqual(storage.taken(), []);
  await sizes.measure(owned, 60_000);
  t.deepEqual(storage.taken(), [2]);
  await sizes.measure(owned, 600_000);
  t.deepEqual(storage.taken(), [], 'nothing was applied');
});

test('rows that are written again do not make the range larger', async (t) => {
  const storage = new Bytes();
  const sizes = new RangeSizes(storage);
  const owned = new Set([1]);
  storage.apply(1, 10 * MB);
  await sizes.measure(owned, 0);
  storage.apply(1, 4 * MB, 0);
  t.is(sizes.bytesOf(1), 14 * MB, 'it is not known yet');
  await sizes.measure(owned, 10_000);
  storage.apply(1, 100 * MB, 0);
  t.is(sizes.bytesOf(1), 10 * MB);
  await sizes.measure(owned, 20_000);
  storage.apply(1, 10 * MB, 5 * MB);
  await sizes.measure(owned, 30_000);
  storage.apply(1, 2 * MB, MB);
  t.is(sizes.bytesOf(1), 16 * MB, 'half of what is applied is new');
});

test('what is not owned any more is forgotten; of very many the ones with most news come first', async (t) => {
  const storage = new Bytes();
  const sizes = new RangeSizes(storage);
  const many = new Set(Array.from({ length: 100 }, (_, at) => at + 1));
  for (let round = 0; round < 7; round++) await sizes.measure(many, round * 5_000);
  t.is(new Set(storage.taken()).size, 100, 'all of them after some rounds');
  for (const range of many) storage.apply(range, range * MB);
  await sizes.measure(many, 100_000);
  t.deepEqual(
    storage.taken().toSorted((a, b) => a - b),
    [...many].slice(-16),
  );
  await sizes.measure(new Set([2]), 100_000);
  t.is(sizes.bytesOf(1), null);
  t.not(sizes.bytesOf(2), null);
});
