// What is asked of a range becomes rates of about the last ten seconds, and samples of keys.

import test, { type ExecutionContext } from 'ava';
import { formatBytes, toBytes } from '../../../../common/base/bytes.ts';
import { LOAD_LIMITS } from '../../../../common/model/load.ts';
import { RangeLoad } from '../../../../kvnode/load/range-load.ts';
import { seededRng } from '../../../support/rng.ts';

class Clock {
  ms = 1_000;
  readonly #rng = seededRng(1);
  now(): number {
    return this.ms;
  }
  random(): number {
    return this.#rng.below(2 ** 31) / 2 ** 31;
  }
}

/** So many seconds with the same requests in each. */
function run(clock: Clock, load: RangeLoad, seconds: number, requests: (second: number) => void): void {
  for (let second = 0; second < seconds; second++) {
    requests(second);
    clock.ms += 1_000;
    load.fold(clock.ms);
  }
}

function times(count: number, request: (at: number) => void): () => void {
  return () => {
    for (let at = 0; at < count; at++) request(at);
  };
}

const close = (t: ExecutionContext, actual: number, expected: number) =>
  t.true(Math.abs(actual - expected) <= 0.02 * expected + 0.01, `${actual} is about ${expected}`);

test('rates are right from the first second on, follow a change, and end', (t) => {
  const clock = new Clock();
  const load = new RangeLoad(clock);
  t.deepEqual(load.rates, { reads: 0, writes: 0, bytesIn: 0, bytesOut: 0 });
  const busy = () => {
    times(300, () => load.countRead(toBytes('r'), 50))();
    times(100, () => load.countWrite(toBytes('w'), 20))();
  };
  run(clock, load, 1, busy);
  close(t, load.rates.reads, 300);
  close(t, load.rates.writes, 100);
  close(t, load.rates.bytesIn, 2_000);
  close(t, load.rates.bytesOut, 15_000);
  run(clock, load, 60, busy);
  close(t, load.rates.reads, 300);
  run(clock, load, 10, () => {});
  close(t, load.rates.reads, 300 / Math.E);
  run(clock, load, 100, () => {});
  close(t, load.rates.reads, 0);
});

test('folds that come late or twice count the time that has passed', (t) => {
  const clock = new Clock();
  const load = new RangeLoad(clock);
  times(500, () => load.countRead(toBytes('r'), 1))();
  clock.ms += 5_000;
  load.fold(clock.ms);
  load.fold(clock.ms);
  close(t, load.rates.reads, 100);
});

test('samples show where the load is, however much there is of it', (t) => {
  for (const perSecond of [20, 1_000, 50_000]) {
    const clock = new Clock();
    const load = new RangeLoad(clock);
    // Four of five requests are for `hot`.
    const key = (at: number) => toBytes(at % 5 === 0 ? `k${at % 7}` : 'hot');
    run(
      clock,
      load,
      30,
      times(perSecond, (at) => load.countRead(key(at), 1)),
    );
    t.true(load.samples.length >= 26 && load.samples.length <= LOAD_LIMITS.samplesMax);
    const hot = load.samples.filter((sample) => formatBytes(sample) === 'hot').length;
    t.true(hot >= 17 && hot <= 31, `${hot} of 32 at ${perSecond} a second`);
  }
});

test('after ten seconds of other requests most samples are new; when nothing is asked, they go', (t) => {
  for (const perSecond of [30, 5_000]) {
    const clock = new Clock();
    const load = new RangeLoad(clock);
    run(
      clock,
      load,
      30,
      times(perSecond, () => load.countWrite(toBytes('old'), 1)),
    );
    run(
      clock,
      load,
      15,
      times(perSecond, () => load.countWrite(toBytes('new'), 1)),
    );
    const old = load.samples.filter((sample) => formatBytes(sample) === 'old').length;
    t.true(old <= 16, `${old} of 32 are old`);
    run(clock, load, 31, () => {});
    t.is(load.samples.length, 0);
  }
});

test('a sudden burst is sampled a few hundred times at most; a sample is a copy, and cut off', (t) => {
  const clock = new Clock();
  const load = new RangeLoad(clock);
  const bytes = new Uint8Array(10_000).fill(7);
  let copies = 0;
  const key = new Proxy(bytes, {
    get(target, name) {
      if (name === 'subarray') copies++;
      const value = Reflect.get(target, name) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  times(100_000, () => load.countRead(key, 1))();
  t.true(copies < 800, `${copies} samples of 100,000 requests`);
  bytes.fill(0);
  t.deepEqual(load.samples[0], new Uint8Array(LOAD_LIMITS.sampleBytesMax).fill(7));
});
