// A recording client records each call and each answer. The checkers accept that history, and refuse it if the client
// gives wrong answers.

import test from 'ava';
import { realEnv } from '../../../common/base/env.ts';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { History } from '../../sim/history.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { checkHistory, finalRows, RecordingClient } from '../../support/recording-client.ts';

function recording() {
  const behind = new MemoryClient();
  const history = new History();
  return { behind, history, client: new RecordingClient('c', behind, history, realEnv) };
}

test('every kind of operation and of answer is recorded', async (t) => {
  const { behind, history, client } = recording();
  const { revision } = await client.put('x', 'v1', { ifRevision: 0 });
  await t.throwsAsync(client.put('x', 'v2', { ifRevision: revision + 7 }), { code: 'CONFLICT' });
  await client.get('x');
  await client.get('none');
  await client.get('none', { read: 'stale' });
  await client.batch([{ put: { key: 'y', value: 'w'.repeat(100) } }, { check: { key: 'x', revision } }]);
  await client.delete('x');
  behind.beforeCall = () => {
    throw new RangekeeperError('OUTCOME_UNKNOWN', 'cut');
  };
  await t.throwsAsync(client.put('x', 'v3'));
  behind.beforeCall = () => {
    throw new RangekeeperError('NO_OWNER', 'nobody');
  };
  await t.throwsAsync(client.put('x', 'v4'));
  behind.beforeCall = () => {};
  t.deepEqual(
    history.operations.map(({ outcome }) => outcome.kind),
    ['written', 'conflict', 'read', 'read', 'read', 'written', 'written', 'unknown', 'failed'],
  );
  t.deepEqual(checkHistory(history.operations, await finalRows(behind)), []);
});

test('a lost write of the client is detected', async (t) => {
  const { behind, history, client } = recording();
  await client.put('x', 'v1');
  behind.rows = [];
  await client.get('x');
  const found = checkHistory(history.operations, await finalRows(behind)).map(({ checker }) => checker);
  t.deepEqual(found, ['versions', 'linearizability', 'durability']);
});
