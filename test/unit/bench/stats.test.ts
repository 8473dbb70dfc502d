// The statistics of the benchmark: ratios of rounds, percentiles and random draws.

import test from 'ava';
import { isSteady } from '../../../bench/before-slot.ts';
import { scatter, seeded, YCSB_THETA, Zipf } from '../../../bench/stats/draws.ts';
import { Latencies, latencyAt, QUANTILES, ratioOf, spreadOf } from '../../../bench/stats/summary.ts';

const spread = test.macro({
  exec(t, values: readonly number[], median: number, min: number, max: number) {
    t.deepEqual(spreadOf(values), { median, min, max });
  },
  title: (_, values: readonly number[]) => `the spread of [${values.join(', ')}]`,
});

test(spread, [], 0, 0, 0);
test(spread, [7], 7, 7, 7);
test(spread, [9, 1, 5], 5, 1, 9);
test(spread, [10, 4, 2, 1], 3, 1, 10);

test('a ratio is taken round by round, and rounds without a peer do not count', (t) => {
  t.deepEqual(ratioOf([10, 40, 90], [10, 20, 30]), { median: 2, min: 1, max: 3 });
  t.deepEqual(ratioOf([10, 40], [10, 0]), { median: 1, min: 1, max: 1 });
  t.deepEqual(ratioOf([10, 40], []), { median: 0, min: 0, max: 0 });
});

const steady = test.macro({
  exec(t, rates: readonly number[], expected: boolean) {
    t.is(isSteady(rates), expected);
  },
  title: (_, rates: readonly number[], expected: boolean) =>
    `rates of [${rates.join(', ')}] are ${expected ? 'steady' : 'not steady yet'}`,
});

test(steady, [], false);
test(steady, [10, 10, 10, 10], false);
test(steady, [10, 10, 10, 10, 10], true);
test(steady, [10, 9, 8, 10.4, 9], true);
test(steady, [10, 9, 8, 10.6, 9], false);
test(steady, [5, 10, 20, 40, 41, 40, 42], false);
test(steady, [5, 10, 20, 40, 41, 40, 42, 38], true);

test('the same seed gives the same numbers, evenly in [0, 1)', (t) => {
  const [one, same, other] = [seeded(5), seeded(5), seeded(6)];
  const draws = Array.from({ length: 20_000 }, () => one());
  t.deepEqual(
    draws.slice(0, 100),
    Array.from({ length: 100 }, () => same()),
  );
  t.notDeepEqual(
    draws.slice(0, 100),
    Array.from({ length: 100 }, () => other()),
  );
  t.true(draws.every((draw) => draw >= 0 && draw < 1));
  for (let tenth = 0; tenth < 10; tenth++) {
    const inside = draws.filter((draw) => Math.floor(draw * 10) === tenth).length;
    t.true(Math.abs(inside - 2_000) < 200, `${inside} draws in tenth ${tenth}`);
  }
});

test('percentiles are right from microseconds to minutes', (t) => {
  for (const scale of [0.001, 0.05, 1, 60_000]) {
    const latencies = new Latencies();
    for (let i = 1; i <= 10_000; i++) latencies.record((i / 10_000) * scale);
    t.is(latencies.count, 10_000);
    for (const share of QUANTILES) {
      const found = latencyAt(latencies.quantiles(), share) ?? 0;
      const allowed = share * scale * 0.001 + 0.001;
      t.true(Math.abs(found - share * scale) <= allowed, `p${share * 100} of ${scale} ms: ${found}`);
    }
  }
});

test('a percentile of nothing is 0, and one slow operation is not lost', (t) => {
  const latencies = new Latencies();
  t.is(latencyAt(latencies.quantiles(), 0.99), 0);
  t.is(latencyAt([], 0.99), null);
  for (let i = 0; i < 99; i++) latencies.record(1);
  latencies.record(500);
  t.true((latencyAt(latencies.quantiles(), 0.99) ?? 0) < 1.02);
  t.true(Math.abs((latencyAt(latencies.quantiles(), 0.999) ?? 0) - 500) < 1);
});

test('zipfian draws have the frequencies of their law', (t) => {
  const items = 1_000;
  const zipf = new Zipf(items);
  const random = seeded(3);
  const draws = 200_000;
  const counts = new Map<number, number>();
  for (let i = 0; i < draws; i++) {
    const rank = zipf.next(random);
    t.true(rank >= 0 && rank < items);
    counts.set(rank, (counts.get(rank) ?? 0) + 1);
  }
  let zeta = 0;
  for (let rank = 1; rank <= items; rank++) zeta += 1 / rank ** YCSB_THETA;
  for (const rank of [0, 1]) {
    const wanted = draws / (rank + 1) ** YCSB_THETA / zeta;
    const found = counts.get(rank) ?? 0;
    t.true(Math.abs(found - wanted) < wanted * 0.05, `rank ${rank}: ${found}, should be ${wanted}`);
  }
  // After the first two ranks the method is an approximation, but half of all draws still fall on the first few ranks.
  let seen = 0;
  let ranks = 0;
  while (seen < draws / 2) seen += counts.get(ranks++) ?? 0;
  t.true(ranks > 15 && ranks < 45, `half of all draws on ${ranks} ranks`);
});

test('a zipfian draw that has grown equals one that began with that size', (t) => {
  const [grown, made] = [new Zipf(10), new Zipf(500)];
  grown.grow(500);
  const [one, same] = [seeded(9), seeded(9)];
  for (let i = 0; i < 1_000; i++) t.is(grown.next(one), made.next(same));
});

test('popular ranks are scattered over all keys, always in the same way', (t) => {
  const places = Array.from({ length: 100 }, (_, rank) => scatter(rank, 1_000_000));
  t.deepEqual(
    places,
    Array.from({ length: 100 }, (_, rank) => scatter(rank, 1_000_000)),
  );
  t.true(places.every((place) => place >= 0 && place < 1_000_000));
  t.true(new Set(places.map((place) => Math.floor(place / 100_000))).size >= 8);
});
