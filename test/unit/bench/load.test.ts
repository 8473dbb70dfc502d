// The load generator with a driver in memory and in virtual time: its counts, the acknowledged values that it remembers, and the
// start of its latencies.

import test from 'ava';
import { untilIdle } from '../../../bench/before-slot.ts';
import { type Driver, forEach, Refused } from '../../../bench/load/driver.ts';
import { decodeEchoes, encodeEchoes } from '../../../bench/load/echo.ts';
import { keyOf, valuePool } from '../../../bench/load/keys.ts';
import { Ledger } from '../../../bench/load/ledger.ts';
import { runSlot } from '../../../bench/load/loops.ts';
import { Operations } from '../../../bench/load/operations.ts';
import { SLOT, type SlotSpec } from '../../../bench/load/slot.ts';
import { delay, type Env } from '../../../common/base/env.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

const MS = 1_000;

class MemoryDriver implements Driver {
  readonly rows = new Map<string, string>();
  /** The highest number of operations that were under way at the same time. */
  highest = 0;
  /** The keys that are being written: no other write of them may begin. */
  readonly writing = new Set<string>();
  readonly #env: Env;
  readonly #serviceMs: () => number;
  #underWay = 0;

  constructor(env: Env, serviceMs: () => number) {
    this.#env = env;
    this.#serviceMs = serviceMs;
  }

  async put(_caller: number, key: string, value: string): Promise<void> {
    if (this.writing.has(key)) throw new Error('TWO_WRITERS');
    this.writing.add(key);
    await this.#served();
    this.rows.set(key, value);
    this.writing.delete(key);
  }

  async get(_caller: number, key: string): Promise<string | null> {
    await this.#served();
    return this.rows.get(key) ?? null;
  }

  async scan(_caller: number, _start: string, rows: number): Promise<number> {
    await this.#served();
    return rows;
  }

  async fill(): Promise<void> {}

  async #served(): Promise<void> {
    this.highest = Math.max(this.highest, ++this.#underWay);
    await delay(this.#env, this.#serviceMs());
    this.#underWay--;
  }
}

/** Runs a slot to its end in virtual time. */
async function run(change: Partial<SlotSpec>, serviceMs: (now: number) => number) {
  const env = new VirtualEnv();
  const spec = { ...SLOT, warmUpMs: 100, ms: MS, ...change };
  const driver = new MemoryDriver(env, () => serviceMs(env.now()));
  const ledger = new Ledger(spec.keys + 100_000);
  const begin = env.now();
  const running = runSlot(env, spec, new Operations(spec, driver, ledger));
  let over = false;
  void running.then(() => {
    over = true;
  });
  while (!over) await env.run(1);
  return { result: await running, driver, ledger, spec, begin };
}

test('a closed loop keeps every caller busy, and no key has two writers', async (t) => {
  const { result, driver } = await run({ callers: 8, keys: 20 }, () => 10);
  t.is(driver.highest, 8);
  t.deepEqual(result.errors, {});
  // There are 8 callers with 100 operations per second each.
  t.true(Math.abs(result.done - 800) <= 16, `${result.done}`);
  t.true(Math.abs((result.quantiles[0] ?? 0) - 10) < 1.2);
});

test('an open loop measures from the time at which an operation was due', async (t) => {
  // The server stops for 300 of 1,000 ms. In a closed loop only few operations would show that.
  const stall = (now: number): number => (now % 1_000 >= 500 && now % 1_000 < 800 ? 800 - (now % 1_000) : 1);
  const { result } = await run({ arrivals: 1_000, callers: 4, keys: 100 }, stall);
  t.true((result.quantiles[4] ?? 0) > 200, `p99 ${result.quantiles[4]}`);
  t.true((result.quantiles[2] ?? 0) > 100, `p90 ${result.quantiles[2]}`);
});

test('an open loop keeps its rate, however slow the answers are', async (t) => {
  const { result, driver } = await run({ arrivals: 2_000, callers: 50, keys: 100, warmUpMs: 0 }, () => 100);
  t.is(driver.highest, 50);
  // With 50 concurrent operations of 100 ms each, 500 per second are answered. The others are reported.
  t.true(result.done <= 550, `${result.done}`);
  t.true((result.errors.NOT_SENT ?? 0) > 1_200, JSON.stringify(result.errors));
});

test('the ledger finds lost and outdated values', async (t) => {
  const { driver, ledger, spec } = await run({ callers: 4, keys: 40 }, () => 5);
  const numbers = new Map(valuePool(spec.valueBytes).map((value, number) => [value, number]));
  const read = async (key: number): Promise<number | null> =>
    numbers.get(driver.rows.get(keyOf(spec.prefix, key)) ?? '') ?? null;
  t.deepEqual(await ledger.verify(1_000, read), { checked: 40, lost: 0, unknown: 0 });
  driver.rows.delete(keyOf(spec.prefix, 7));
  const known = keyOf(spec.prefix, 8);
  const older = valuePool(spec.valueBytes).find((value) => value !== driver.rows.get(known));
  driver.rows.set(known, older ?? '');
  t.is((await ledger.verify(1_000, read)).lost, 2);
  t.is((await ledger.verify(10, read)).checked, 10);
});

test('a write without an answer does not count as lost', async (t) => {
  const ledger = new Ledger(3);
  ledger.acknowledged(0, 5);
  ledger.acknowledged(1, 6);
  ledger.unknown(1);
  ledger.acknowledged(1, 7);
  t.deepEqual(await ledger.verify(10, async () => 5), { checked: 1, lost: 0, unknown: 1 });
});

test('mixes are drawn in their shares; errors are counted by code', async (t) => {
  const mix = { read: 0.5, update: 0.25, scan: 0.25 };
  const { result } = await run({ mix, callers: 10, keys: 50, pageRows: 10 }, () => 1);
  // The keys were not loaded, so reads before the first write find nothing.
  t.deepEqual(Object.keys(result.errors), ['MISSING']);
  const pages = result.rows / 10;
  t.true(pages > result.done * 0.2 && pages < result.done * 0.4, `${pages} pages of ${result.done}`);
});

test('a server that refuses at once does not stop the clock', async (t) => {
  const env = new VirtualEnv();
  const driver: Driver = {
    put: () => Promise.reject(new Refused('OVERLOADED')),
    get: async () => null,
    fill: async () => {},
  };
  const spec = { ...SLOT, callers: 2, warmUpMs: 0, ms: 20 };
  const running = runSlot(env, spec, new Operations(spec, driver, new Ledger(spec.keys)));
  for (let i = 0; i < 30; i++) await env.run(1);
  const result = await running;
  t.is(result.done, 0);
  t.true((result.errors.OVERLOADED ?? 0) > 0);
});

test('keys sort by their numbers, and all values are different', (t) => {
  const keys = [0, 9, 10, 99, 1_000_000].map((index) => keyOf('user', index));
  t.true(keys.every((key) => key.length === 24));
  t.deepEqual([...keys].sort(), keys);
  for (const bytes of [100, 1_000, 16_000]) {
    const pool = valuePool(bytes);
    t.true(pool.every((value) => value.length === bytes));
    t.is(new Set(pool).size, pool.length);
  }
});

test('an echo is decoded as it was encoded', (t) => {
  const written = [
    { number: 0, content: '' },
    { number: 128, content: 'a' },
    { number: 0x3fff_ffff, content: 'b'.repeat(127) },
  ];
  const read = decodeEchoes(encodeEchoes(written));
  t.deepEqual(
    read.map(({ number, content }) => ({ number, content: content.toString('latin1') })),
    written,
  );
  t.throws(() => decodeEchoes(Buffer.from([1, 2, 3])), { message: 'not an echo' });
  t.throws(() => encodeEchoes([{ number: 1, content: 'c'.repeat(128) }]), { message: /fits into a byte/ });
});

test('each index is done once, and no more than allowed at the same time', async (t) => {
  const done: number[] = [];
  let running = 0;
  let most = 0;
  await forEach(10, 3, async (index) => {
    most = Math.max(most, ++running);
    await null;
    running--;
    done.push(index);
  });
  t.deepEqual(done, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  t.is(most, 3);
});

/** Cores that processes use, a look at them each 200 ms; and for how long they are waited for, at most 1.5 s. */
const idle = test.macro({
  async exec(t, cores: readonly (number | null)[], expected: number) {
    const env = new VirtualEnv();
    let used: number | null = 0;
    const begin = env.now();
    const waited = untilIdle(
      env,
      () => {
        const now = cores[Math.floor((env.now() - begin) / 200) - 1];
        used = used === null || now === null ? null : used + 0.2 * (now ?? 0);
        return used;
      },
      1_500,
    );
    await env.until(waited);
    t.is(env.now() - begin, expected);
  },
  title: (_, cores: readonly (number | null)[]) =>
    `waits for processes that use ${cores.map(String).join(', ')} cores`,
});

test(idle, [0.1], 200);
test(idle, [1.5, 0.7, 0.3, 0], 800);
test(idle, [1, 1, 1, 1, 1, 1, 1, 1, 1], 1_600);
test(idle, [null], 200);
