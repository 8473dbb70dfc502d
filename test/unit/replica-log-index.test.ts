// Which epoch is where in a log (kvnode/replica/log-index.ts), as tables; then against a plain array.

import test from 'ava';
import fc from 'fast-check';
import { origin, type Position } from '../../common/model/ids.ts';
import { LogIndex } from '../../kvnode/replica/log-index.ts';

/** A log after `base` with one entry per epoch given. */
function logOf(epochs: readonly number[], base: Position = origin): LogIndex {
  const index = new LogIndex(base, [], base.seq);
  epochs.forEach((epoch, at) => {
    index.append(epoch, base.seq + 1 + at);
  });
  return index;
}

const at = (epoch: number, seq: number): Position => ({ epoch, seq });

const newest = test.macro<[readonly number[], Position, Position]>({
  exec(t, epochs, limit, expected) {
    t.deepEqual(logOf(epochs).newestAtOrBefore(limit), expected);
  },
  title: (_, epochs, limit, expected) =>
    `in epochs ${epochs.join(' ')} the newest at or before ${limit.epoch}/${limit.seq} is ${expected.epoch}/${expected.seq}`,
});

test(newest, [], at(3, 5), origin);
test(newest, [1, 1, 1], at(1, 2), at(1, 2));
test(newest, [1, 1, 1], at(1, 9), at(1, 3));
test(newest, [1, 1, 3, 3], at(2, 4), at(1, 2));
test(newest, [1, 2, 3, 3], at(2, 4), at(2, 2));
test(newest, [2, 2], at(1, 2), origin);

test('a position is in the log only with its epoch', (t) => {
  const index = logOf([1, 1, 2]);
  t.true(index.has(origin));
  t.true(index.has(at(1, 2)));
  t.false(index.has(at(1, 3)));
  t.false(index.has(at(2, 4)));
});

test('compacting keeps the base and what is after it', (t) => {
  const index = logOf([1, 1, 2, 2, 3]);
  index.compact(at(2, 3));
  t.deepEqual(index.base, at(2, 3));
  t.is(index.epochAt(2), undefined);
  t.deepEqual(
    [3, 4, 5, 6].map((seq) => index.epochAt(seq)),
    [2, 2, 3, undefined],
  );
  index.compact(at(3, 5));
  t.deepEqual(index.last, at(3, 5));
  t.throws(() => index.compact(at(3, 6)), { message: /compacted at a position that it holds/ });
});

test('it agrees with a plain array through appends, truncations and compactions', (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), bump: fc.nat({ max: 2 }) }),
    fc.record({ kind: fc.constant('truncate' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ kind: fc.constant('compact' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  );
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const index = new LogIndex(origin, [], 0);
    let epochs: number[] = [0];
    let base = 0;
    for (const taken of steps) {
      const last = epochs.length - 1;
      if (taken.kind === 'append') {
        const epoch = Math.max(1, (epochs[last] ?? 0) + (taken.bump === 2 ? 1 : 0));
        index.append(epoch, last + 1);
        epochs.push(epoch);
        continue;
      }
      const seq = base + Math.floor(taken.share * (last - base));
      if (taken.kind === 'truncate') {
        index.truncate(seq);
        epochs = epochs.slice(0, seq + 1);
      } else {
        index.compact(at(epochs[seq] ?? 0, seq));
        base = seq;
      }
    }
    t.is(index.lastSeq, epochs.length - 1);
    for (let seq = 0; seq <= epochs.length; seq++) {
      t.is(index.epochAt(seq), seq < base ? undefined : epochs[seq]);
    }
  });
  fc.assert(property, { numRuns: 300 });
});
