// When a node verifies its ranges and its state store.

import test from 'ava';
import { ScrubSchedule } from '../../../../kvnode/scrub/schedule.ts';

const DAY = 86_400_000;

test('the first checks are spread over a period, and each range is checked once in it', (t) => {
  let draws = 0;
  const schedule = new ScrubSchedule(DAY, () => (draws++ % 10) / 10, 0);
  const ranges = Array.from({ length: 10 }, (_, index) => index + 1);
  const times = new Map<number, number[]>(ranges.map((range) => [range, []]));
  for (let now = 0; now < 5 * DAY; now += DAY / 200) {
    const due = schedule.dueRange(ranges, now);
    if (due === null) continue;
    times.get(due)?.push(now);
    schedule.checked(due, now);
  }
  for (const [range, at] of times) t.true(at.length >= 4 && at.length <= 6, `range ${range}: ${at.length}`);
  t.is(new Set([...times.values()].map(([first]) => first)).size, 10, 'no two at the same time');
});

test('the range that has been due for the longest time comes first', (t) => {
  const draws = [0, 0.5, 0.1, 0.9];
  const schedule = new ScrubSchedule(DAY, () => draws.shift() ?? 0.5, 0);
  t.is(schedule.dueRange([1, 2, 3], 0), null);
  t.is(schedule.dueRange([1, 2, 3], DAY), 2);
  schedule.checked(2, DAY);
  t.is(schedule.dueRange([1, 2, 3], DAY), 1);
  t.is(schedule.dueRange([3], DAY), 3);
});

test('a range whose check failed is checked again soon, but not at once', (t) => {
  const schedule = new ScrubSchedule(DAY, () => 0, 0);
  t.is(schedule.dueRange([1], 0), 1);
  schedule.retryLater(1, 0);
  t.is(schedule.dueRange([1], 1_000), null);
  t.is(schedule.dueRange([1], 600_000), 1);
});

test('the state store is due once in a period', (t) => {
  const schedule = new ScrubSchedule(DAY, () => 0.5, 0);
  t.deepEqual(
    [0, DAY / 2, DAY / 2 + 1, DAY, 1.5 * DAY].map((now) => schedule.takeState(now)),
    [false, true, false, false, true],
  );
});

test('without a period nothing is ever due', (t) => {
  const schedule = new ScrubSchedule(0, () => 0, 0);
  t.is(schedule.dueRange([1], 1e12), null);
  t.false(schedule.takeState(1e12));
});
