// Errors of the public API have a stack, failures inside the program have none, and neither changes the program's Error.

import test from 'ava';
import { ERROR_TABLE, type ErrorCode, Failure, RangekeeperError } from '../../../common/base/errors.ts';

const CODES = Object.keys(ERROR_TABLE) as ErrorCode[];

test('an error of any code says where it was made', (t) => {
  for (const code of CODES) t.regex(new RangekeeperError(code, 'no').stack ?? '', /errors\.test/, code);
});

test('a failure is not an Error and has no stack', (t) => {
  const failure = new Failure('OVERLOADED', 'too much');
  t.false(failure instanceof Error);
  t.false('stack' in failure);
});

test('a failure becomes an error with the same code, message and details', (t) => {
  const failure = new Failure('CONFLICT', 'revision is 3', { revision: 3, seq: 9 });
  const error = RangekeeperError.from(failure);
  t.like(error, { code: 'CONFLICT', message: 'revision is 3', details: { revision: 3, seq: 9 } });
  t.is(error.applied, failure.applied);
  t.is(error.retry, failure.retry);
});

test.serial('no error and no failure writes to Error.stackTraceLimit', (t) => {
  const before = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit');
  const writes: unknown[] = [];
  Object.defineProperty(Error, 'stackTraceLimit', {
    configurable: true,
    get: () => 10,
    set: (limit) => writes.push(limit),
  });
  try {
    for (const code of CODES) RangekeeperError.from(new Failure(code, 'no'));
  } finally {
    Object.defineProperty(
      Error,
      'stackTraceLimit',
      before ?? { configurable: true, value: 10, writable: true },
    );
  }
  t.deepEqual(writes, []);
});
