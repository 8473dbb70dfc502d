// R13, the numbers of a client's writes: which are under way, and what the range learns of those that are not.

import test from 'ava';
import { Writers } from '../../../client/writer.ts';
import { AssertionError } from '../../../common/base/assert.ts';
import { realEnv } from '../../../common/base/env.ts';
import { LIMITS } from '../../../common/model/config.ts';
import { decodeOperation } from '../../../common/wire/operation.ts';

const mutation = { kind: 'put', key: Uint8Array.of(1), value: Uint8Array.of(2), ifRevision: null } as const;
const begin = (writers: Writers, range = 1) => writers.begin([mutation], range, 0);
const doneBelow = (writers: Writers) => decodeOperation(begin(writers).operation).doneBelow;

test("a write's number ends once", (t) => {
  const { writer, number } = begin(new Writers(realEnv));
  writer.end(number);
  t.throws(() => writer.end(number), { instanceOf: AssertionError });
});

test('a number ends once, also while an earlier one is under way', (t) => {
  const writers = new Writers(realEnv);
  const first = begin(writers);
  const { writer, number } = begin(writers);
  writer.end(number);
  t.throws(() => writer.end(number), { instanceOf: AssertionError });
  t.notThrows(() => first.writer.end(first.number));
});

test('a number that was never given does not end', (t) => {
  const { writer, number } = begin(new Writers(realEnv));
  t.throws(() => writer.end(number + 1), { instanceOf: AssertionError });
});

test('a range that has ended leaves no identity behind; writes under way keep theirs', (t) => {
  const writers = new Writers(realEnv);
  const identity = (operation: Uint8Array) =>
    Buffer.from(decodeOperation(operation).clientId).toString('hex');
  const first = begin(writers);
  writers.forget(1);
  t.not(identity(begin(writers).operation), identity(first.operation));
  t.notThrows(() => first.writer.end(first.number));
});

test('a write carries the lowest number under way', (t) => {
  const writers = new Writers(realEnv);
  const [first, second, third] = [begin(writers), begin(writers), begin(writers)];
  second.writer.end(second.number);
  t.is(doneBelow(writers), first.number);
  first.writer.end(first.number);
  t.is(doneBelow(writers), third.number);
});

test('numbers far apart are not confused with each other', (t) => {
  const writers = new Writers(realEnv);
  const first = begin(writers);
  const others = Array.from({ length: 1_000 }, () => begin(writers));
  for (const { writer, number } of others) writer.end(number);
  t.is(doneBelow(writers), first.number);
});

test('a full writer is replaced by a new one, and each range has its own', (t) => {
  const writers = new Writers(realEnv);
  const first = begin(writers);
  t.not(begin(writers, 2).writer, first.writer);
  for (let number = 2; number <= LIMITS.writeWindow; number++) t.is(begin(writers).writer, first.writer);
  const next = begin(writers);
  t.not(next.writer, first.writer);
  t.is(next.number, 1);
});
