// A recorded history keeps the order of calls and returns, also of those at the same time of the clock.

import test from 'ava';
import { type Action, History } from '../../sim/history.ts';

const read: Action = { kind: 'read', key: 'x', mode: 'linearizable' };

test('calls and returns keep their order within a millisecond; an operation that never returns is unknown', (t) => {
  const history = new History();
  const first = history.begin('a', read, 7);
  const second = history.begin('b', read, 7);
  first({ kind: 'failed', code: 'NO_OWNER' }, 7);
  history.begin('a', read, 7);
  second({ kind: 'failed', code: 'NO_OWNER' }, 7);
  const [a, b, c] = history.operations;
  t.true(a !== undefined && b !== undefined && c !== undefined);
  t.deepEqual([a?.invoked, b?.invoked, a?.returned, c?.invoked, b?.returned], [0, 1, 2, 3, 4]);
  t.is(c?.returned, Number.POSITIVE_INFINITY);
  t.deepEqual(c?.outcome, { kind: 'unknown' });
});
