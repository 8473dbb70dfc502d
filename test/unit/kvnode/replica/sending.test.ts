// What an owner sends to a follower that answers nothing while the log goes on.

import test from 'ava';
import { DEFAULT_REPLICATION } from '../../../../common/model/config.ts';
import { origin, type Seq } from '../../../../common/model/ids.ts';
import { LogState } from '../../../../kvnode/replica/log-state.ts';
import { FollowerProgress } from '../../../../kvnode/replica/progress.ts';
import { Sending } from '../../../../kvnode/replica/sending.ts';
import { ENTRY_KINDS } from '../../../../kvnode/storage/storage.ts';
import { MemoryLog } from '../../../support/memory-log.ts';

const config = { ...DEFAULT_REPLICATION, inflightBytesMax: 100, appendBytesMax: 50 };

function ownerWith(entries: Seq, quietMs = config.idleAppendMs) {
  const log = new MemoryLog();
  const recovered = log.recover(0, { range: 1, inc: 1 });
  const state = new LogState(recovered, log);
  state.raiseEpochSeen(1);
  for (let seq = 1; seq <= entries; seq++) {
    state.append([{ epoch: 1, seq, kind: ENTRY_KINDS.operation, payload: new Uint8Array(25) }]);
  }
  const follower = new FollowerProgress('b', 1, origin, 0);
  follower.becomeStream();
  const due = (now: number) => {
    const sending = new Sending({ log: state, config, epoch: 1, mayVouch: false, now });
    sending.sendTo(follower, quietMs);
    const messages = sending.messages.flatMap(({ message }) => (message.kind === 'append' ? [message] : []));
    return { messages, needsSnapshot: sending.snapshots.length > 0 };
  };
  return { log, state, follower, due };
}

test('a follower with a full window is asked again and again whether it is there', (t) => {
  const { due } = ownerWith(20);
  t.deepEqual(
    due(1_000).messages.map(({ entries }) => entries.length),
    [2, 2],
  );
  t.deepEqual(due(1_001).messages, []);
  t.like(due(1_000 + config.idleAppendMs).messages, [{ prev: { epoch: 1, seq: 4 }, entries: [] }]);
});

test('once the log no longer has what is in flight, a follower that came back needs a snapshot', (t) => {
  const { log, follower, due } = ownerWith(20);
  due(1_000);
  log.startAfter({ epoch: 1, seq: 4 });
  t.false(due(1_000 + config.idleAppendMs).needsSnapshot, 'the log still meets what it would have');
  log.startAfter({ epoch: 1, seq: 5 });
  t.false(due(1_001 + config.idleAppendMs).needsSnapshot, 'not before it is silent for a while');
  const later = due(1_000 + 2 * config.idleAppendMs);
  t.deepEqual([later.needsSnapshot, later.messages], [true, []]);
  t.is(follower.state, 'snapshot');
});

test('a follower that has everything is left in silence for longer, until there is something to tell', (t) => {
  const quietMs = 10 * config.idleAppendMs;
  const { state, follower, due } = ownerWith(2, quietMs);
  due(1_000);
  t.is(due(1_000 + config.idleAppendMs).messages.length, 1, 'it has not acknowledged yet');
  follower.acknowledged(2, 0);
  t.deepEqual(due(1_000 + 2 * config.idleAppendMs).messages, []);
  state.synced(1);
  state.commit(2);
  t.is(due(1_000 + 2 * config.idleAppendMs).messages.length, 1, 'a new commitSeq is told at once');
  t.deepEqual(due(1_000 + quietMs).messages, []);
  t.is(due(1_000 + 2 * config.idleAppendMs + quietMs).messages.length, 1);
});
