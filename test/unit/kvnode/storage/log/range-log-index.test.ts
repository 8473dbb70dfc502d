// The index of the epochs of a log (kvnode/storage/log/range-log-index.ts): tables, then random operations against a
// plain array.

import test from 'ava';
import fc from 'fast-check';
import { origin, type Position } from '../../../../../common/model/ids.ts';
import { RangeLogIndex } from '../../../../../kvnode/storage/log/range-log-index.ts';

/** A record has at most this many entries, and a segment of its own. */
const RECORD_ENTRIES = 2;

const at = (epoch: number, seq: number): Position => ({ epoch, seq });

/** Appends one entry: to the last record if that has the same epoch and room, else to a new one. */
function append(log: RangeLogIndex, epoch: number): void {
  const seq = log.lastSeq + 1;
  const row = log.row(log.rowOf(log.lastSeq));
  if (row === undefined || row.epoch !== epoch || row.lastSeq - row.firstSeq + 1 === RECORD_ENTRIES) {
    log.addRow(epoch, seq, { segment: seq, offset: 0, chunk: -1, chunkAt: 0 });
  }
  log.extend(seq);
}

/** A log after `base` with one entry for each epoch. */
function logOf(epochs: readonly number[], base: Position = origin): RangeLogIndex {
  const log = new RangeLogIndex(base);
  for (const epoch of epochs) append(log, epoch);
  return log;
}

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
test(newest, [1, 1, 1, 1, 1], at(2, 0), origin);

test('a position is in the log only with its epoch', (t) => {
  const log = logOf([1, 1, 2]);
  t.true(log.has(origin));
  t.true(log.has(at(1, 2)));
  t.false(log.has(at(1, 3)));
  t.false(log.has(at(2, 4)));
});

test('it agrees with a plain array through appends, truncations and compactions', (t) => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), bump: fc.nat({ max: 2 }) }),
    fc.record({ kind: fc.constant('truncate' as const), share }),
    fc.record({ kind: fc.constant('compact' as const), share }),
  );
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const log = new RangeLogIndex(origin);
    let epochs: number[] = [0];
    for (const taken of steps) {
      const last = epochs.length - 1;
      if (taken.kind === 'append') {
        const epoch = Math.max(1, (epochs[last] ?? 0) + (taken.bump === 2 ? 1 : 0));
        append(log, epoch);
        epochs.push(epoch);
        continue;
      }
      const seq = log.base.seq + Math.floor(taken.share * (last - log.base.seq));
      if (taken.kind === 'truncate') {
        log.truncate(at(epochs[seq] ?? 0, seq));
        epochs = epochs.slice(0, seq + 1);
      } else {
        log.compact(seq);
      }
    }
    const base = log.base.seq;
    t.is(log.lastSeq, epochs.length - 1);
    t.deepEqual(log.last, at(epochs.at(-1) ?? 0, log.lastSeq));
    for (let seq = 0; seq <= epochs.length; seq++) {
      t.is(log.epochAt(seq), seq < base ? undefined : epochs[seq]);
      for (let epoch = 0; epoch <= (epochs.at(-1) ?? 0); epoch++) {
        const expected = epochs.findLastIndex((one, i) => i > base && i <= seq && one <= epoch);
        const found = log.newestAtOrBefore(at(epoch, seq));
        t.deepEqual(found, expected < 0 ? log.base : at(epochs[expected] ?? 0, expected));
      }
    }
  });
  fc.assert(property, { numRuns: 300 });
});
