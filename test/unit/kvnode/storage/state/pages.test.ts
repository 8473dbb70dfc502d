// A page is the state of one moment, whatever is applied and written behind while its rows are read.

import test from 'ava';
import fc from 'fast-check';
import { compareBytes, toBytes } from '../../../../../common/base/bytes.ts';
import type {
  PageRequest,
  Row,
  RowChange,
  ScanPage,
  Storage,
} from '../../../../../kvnode/storage/storage.ts';
import {
  at,
  createWhole,
  EVERYTHING,
  entries,
  pause,
  put,
  remove,
  textOfRow,
  turn,
} from '../../../../suites/storage/shorthand.ts';
import { TwinWorld } from '../../../../suites/storage/world.ts';

const ENTRIES = 400;
const KEYS = 40;

function key(n: number): string {
  return `k${String(n).padStart(2, '0')}`;
}

/** The rows after the first `applied` changes. */
function rowsAfter(changes: readonly RowChange[], applied: number): Row[] {
  const rows = new Map<string, Row>();
  changes.slice(0, applied).forEach(({ key, value }, i) => {
    const text = Buffer.from(key).toString();
    if (value === null) rows.delete(text);
    else rows.set(text, { key, value, revision: i + 1 });
  });
  return [...rows.values()].sort((a, b) => compareBytes(a.key, b.key));
}

/** A cut row says how long its value is. */
function textOfCut(row: Row, length: number): string {
  return row.value.length === length ? textOfRow(row) : `${textOfRow(row)} of ${length}`;
}

interface Ask {
  readonly start: string;
  readonly end: string | null;
  readonly options: PageRequest;
}

/** What the page must have, given the moment that it says it is of. */
function expected(rows: readonly Row[], ask: Ask, page: ScanPage): string[] {
  const { start, end, options } = ask;
  const inside = rows.filter(
    (row) =>
      compareBytes(row.key, toBytes(start)) >= 0 && (end === null || compareBytes(row.key, toBytes(end)) < 0),
  );
  if (options.reverse) inside.reverse();
  const complete = inside.filter((row) => {
    if (options.reverse) return page.bound !== null && compareBytes(row.key, page.bound) >= 0;
    return page.bound === null || compareBytes(row.key, page.bound) < 0;
  });
  const max = options.valueBytesMax ?? Number.POSITIVE_INFINITY;
  return complete.map((row) => textOfCut({ ...row, value: row.value.subarray(0, max) }, row.value.length));
}

class ChangeSource {
  applied = 0;
  readonly #storage: Storage;
  readonly #changes: readonly RowChange[];

  constructor(storage: Storage, changes: readonly RowChange[]) {
    this.#storage = storage;
    this.#changes = changes;
  }

  apply(count: number): void {
    for (let i = 0; i < count && this.applied < ENTRIES; i++) {
      const change = this.#changes[this.applied++];
      if (change !== undefined) this.#storage.apply(1, at(1, this.applied), [change]);
    }
  }
}

const ask: fc.Arbitrary<Ask> = fc.record({
  start: fc.oneof(fc.constant(''), fc.nat(KEYS).map(key)),
  end: fc.oneof(fc.constant(null), fc.nat(KEYS).map(key)),
  options: fc.record({
    limitRows: fc.constantFrom(1, 3, 10, 1000),
    limitBytes: fc.constantFrom(1, 30, 100, 100_000),
    reverse: fc.boolean(),
    valueBytesMax: fc.constantFrom(null, 0, 2, 3),
    countOnly: fc.constant(false),
  }),
});

const change = fc.tuple(fc.nat(KEYS - 1), fc.boolean()).map(([n, put]) => [n, put] as const);

test('pages agree with an oracle while changes come and are written behind', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { minLength: ENTRIES, maxLength: ENTRIES }),
      fc.array(ask, { minLength: 5, maxLength: 30 }),
      fc.infiniteStream(fc.nat(9)),
      fc.constantFrom(0, 1_500, 1_000_000),
      async (choices, asks, dice, cacheBytes) => {
        const changes = choices.map(([n, isPut], i) => (isPut ? put(key(n), `v${i}`) : remove(key(n))));
        const world = new TwinWorld({ flushBytes: 1500, flushMs: 1, cacheBytes });
        const storage = await world.open();
        createWhole(storage);
        storage.logOf(1).append(entries(1, 1, ENTRIES));
        const writer = new ChangeSource(storage, changes);
        writer.apply(20);
        world.image.beforeRead = async () => {
          const roll: number = dice.next().value ?? 0;
          writer.apply(roll % 4);
          for (let i = 0; i < roll; i++) await (roll % 3 === 0 ? turn() : undefined);
          writer.apply(roll % 3);
        };
        for (const one of asks) {
          const end = one.end === null ? null : toBytes(one.end);
          const before = writer.applied;
          const page = await storage.scan(1, { start: toBytes(one.start), end }, one.options);
          t.true(page.applied >= before && page.applied <= writer.applied);
          const rows = rowsAfter(changes, page.applied);
          const found = page.rows.decode();
          t.deepEqual(
            found.map((row) => textOfCut(row, row.valueLength ?? row.value.length)),
            expected(rows, one, page),
          );
          t.true(page.count <= one.options.limitRows && page.count === page.rows.decode().length);
          const past = one.options.reverse
            ? page.bound !== null && page.bound.length > 0
            : page.bound !== end;
          t.true(page.count > 0 || !past || one.start >= (one.end ?? '~') || sameAsAsked(page, one));
          writer.apply(3);
        }
        world.image.beforeRead = () => Promise.resolve();
        await storage.close();
      },
    ),
    { numRuns: 30, endOnFailure: true },
  );
});

/** An empty page is complete: its bound is the requested one. */
function sameAsAsked(page: ScanPage, one: Ask): boolean {
  const limit = one.options.reverse ? one.start : one.end;
  if (page.bound === null || limit === null) return page.bound === null && limit === null;
  return compareBytes(page.bound, toBytes(limit)) === 0;
}

test('counting and keys agree with rows', async (t) => {
  const world = new TwinWorld();
  const storage = await world.open();
  createWhole(storage);
  storage.logOf(1).append(entries(1, 1, 60));
  for (let seq = 1; seq <= 60; seq++) {
    storage.apply(1, at(1, seq), [seq % 4 === 0 ? remove(key(seq - 1)) : put(key(seq), 'value')]);
    if (seq === 30) await pause(10);
  }
  const whole = { start: toBytes(''), end: null };
  const rows = await storage.scan(1, whole, EVERYTHING);
  const keys = await storage.scan(1, whole, { ...EVERYTHING, valueBytesMax: 0 });
  const count = await storage.scan(1, whole, { ...EVERYTHING, countOnly: true });
  t.is(rows.count, 30);
  t.deepEqual([keys.count, count.count], [30, 30]);
  t.deepEqual(
    keys.rows.decode().map((row) => [Buffer.from(row.key).toString(), row.value.length, row.revision]),
    rows.rows.decode().map((row) => [Buffer.from(row.key).toString(), 0, row.revision]),
  );
  t.is(count.rows.length, 0);
  const some = await storage.scan(1, whole, { ...EVERYTHING, countOnly: true, limitRows: 7, reverse: true });
  t.is(some.count, 7);
  t.deepEqual(some.bound, rows.rows.decode().at(-7)?.key ?? null);
  await storage.close();
});

for (const reverse of [false, true]) {
  test(`long values are cut, and the page counts what is left of them${reverse ? ', reverse' : ''}`, async (t) => {
    const world = new TwinWorld({ flushBytes: 1, flushMs: 1 });
    const storage = await world.open();
    createWhole(storage);
    storage.logOf(1).append(entries(1, 1, 12));
    for (let seq = 1; seq <= 12; seq++) {
      // The last rows are in the overlay when the page is read.
      if (seq === 9) await pause(10);
      storage.apply(1, at(1, seq), [put(key(seq), String(seq % 10).repeat(100_000))]);
    }
    const whole = { start: toBytes(''), end: null };
    const request = { ...EVERYTHING, reverse, limitRows: 10, limitBytes: 1_000, valueBytesMax: 50 };
    for (const where of ['read from the store', 'read again']) {
      const page = await storage.scan(1, whole, request);
      const rows = page.rows.decode();
      t.is(rows.length, 10, where);
      t.true(rows.every((row) => row.value.length === 50 && row.valueLength === 100_000));
      t.is(rows[0]?.value[0], (reverse ? '2' : '1').charCodeAt(0));
      t.true(page.rows.length < 1_000);
    }
    const complete = await storage.scan(1, whole, { ...request, valueBytesMax: null });
    t.is(complete.count, 1, 'a scan of complete values is bounded by its bytes');
    await storage.close();
  });
}
