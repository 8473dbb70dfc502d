// What an error takes down of the stack.

import test from 'ava';
import { RangekeeperError } from '../../../common/base/errors.ts';

test('an error that is a fault in a program says where it was made', (t) => {
  t.regex(new RangekeeperError('INVALID_ARGUMENT', 'no').stack ?? '', /errors\.test/);
});

test('one that tells of the cluster costs no stack, and leaves those of others alone', (t) => {
  const { stack } = new RangekeeperError('OVERLOADED', 'too much');
  t.false(stack?.includes('errors.test') ?? false, stack);
  t.regex(new Error('another').stack ?? '', /errors\.test/);
});
