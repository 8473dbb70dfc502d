// The mean and the 99th percentile of the last ten seconds.

import test from 'ava';
import { present } from '../../../../../common/base/assert.ts';
import { RecentTimes } from '../../../../../kvnode/storage/log/recent-times.ts';

test('the 99th percentile is right within a fifth, and what is older than ten seconds does not count', (t) => {
  let now = 5_000;
  const times = new RecentTimes({ now: () => now });
  t.is(times.summary, null);
  for (let i = 0; i < 99; i++) times.add(2);
  times.add(300);
  const first = present(times.summary, 'a summary');
  t.is(first.meanMs, 4.98);
  t.true(first.p99Ms >= 2 && first.p99Ms <= 2.4, 'one in a hundred may be slow');
  times.add(300);
  t.true(present(times.summary, 'a summary').p99Ms >= 300);
  t.true(present(times.summary, 'a summary').p99Ms <= 360);
  now += 9_000;
  times.add(1);
  t.is(present(times.summary, 'a summary').p99Ms > 250, true);
  now += 1_000;
  t.is(present(times.summary, 'a summary').meanMs, 1);
  now += 9_000;
  t.is(times.summary, null);
});

test('no time is too short or too long for it', (t) => {
  const times = new RecentTimes({ now: () => 0 });
  times.add(0);
  t.true(present(times.summary, 'a summary').p99Ms <= 0.05);
  times.add(10_000_000);
  t.true(present(times.summary, 'a summary').p99Ms > 60_000);
});
